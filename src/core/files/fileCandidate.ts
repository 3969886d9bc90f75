import type { CheckpointEvent, EditEvent, Unrecorded } from './fileEvents.ts';

/** Where the bytes of a state come from before edits are replayed on them. */
export type Base =
  | { kind: 'checkpoint'; name: string }
  | { kind: 'absent'; by: 'checkpoint' | 'edit' }
  /** The text that a tool's result recorded; its line ends and encoding are lost. */
  | { kind: 'text'; of: EditEvent }
  /** A file that a tool wrote as a whole: `edits` begins with it. */
  | { kind: 'written' }
  | { kind: 'commit' };

/** One way to find out what a file held, better ones having less `doubt`. */
export interface Candidate {
  base: Base;
  /** To be replayed in this order. */
  edits: readonly EditEvent[];
  /** How much may have happened to the file between what was recorded and the moment that is asked for; see `isSure`. */
  doubt: number;
  /** What may have changed it in between. */
  between: readonly Unrecorded[];
  /** Recorded before the moment that is asked for, else behind it. */
  isEarlier: boolean;
  /** Recorded at the prompt that follows the turn: in between, only somebody outside of the session can have changed the file. */
  isAtNextPrompt: boolean;
}

// How much each thing takes from what is known; only their order matters.
export const doubts = {
  unrecorded: 4,
  otherBranch: 8,
  gap: 1,
  lossy: 1,
  commit: 1,
  commitWithoutStatus: 1,
  edited: 1,
};

/** Whether nothing else can have changed the file between what is recorded and the moment that was asked for. */
export function isSure({ doubt }: Candidate): boolean {
  return doubt === 0;
}

export function checkpointBase({ name }: CheckpointEvent): Base {
  return name === null ? { kind: 'absent', by: 'checkpoint' } : { kind: 'checkpoint', name };
}

/** Among equally doubtful ways: copies before replays, bytes before text. */
export function preference({ base, edits }: Candidate): number {
  const kinds = { checkpoint: 0, absent: 1, commit: 2, written: 3, text: 4 };
  return kinds[base.kind] * 100 + Math.min(edits.length, 99);
}
