import type { ContentBlock } from '../session/recordedSession.ts';

/** A message that is being put together. */
export interface MessageDraft {
  role: 'user' | 'assistant' | 'system';
  content: ContentBlock[];
  /** Put beside what the person or a tool said, by Claude Code. */
  isAside: boolean;
  /** Whether a line break goes before it where it is joined to another text. */
  hasSeam: boolean;
}
