import type { SessionSummary } from '../../core/session/recordedSession.ts';

/** What a session can be found by. Prompts are null until they have been read. */
export interface Findable {
  summary: SessionSummary;
  prompts: readonly string[] | null;
}

export interface Found {
  summary: SessionSummary;
  /** The prompt that holds a word which neither title nor project has, null where none was needed. */
  prompt: string | null;
}

/**
 * Sessions that have every word of the query in their title, project or prompts, in the given order.
 * @param limit at most so many
 */
export function findSessions(sessions: readonly Findable[], query: string, limit: number): Found[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found: Found[] = [];
  for (const { summary, prompts } of sessions) {
    if (found.length === limit) break;
    const outside = `${summary.title}\n${summary.projectPath ?? ''}\n${summary.sessionId}`.toLowerCase();
    const missing = words.filter((word) => !outside.includes(word));
    if (missing.length === 0) found.push({ summary, prompt: null });
    else {
      const prompt = prompts?.find((text) => missing.every((word) => text.toLowerCase().includes(word)));
      if (prompt !== undefined) found.push({ summary, prompt });
    }
  }
  return found;
}
