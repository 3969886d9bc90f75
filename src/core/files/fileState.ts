import type { Unrecorded } from './fileEvents.ts';

/** Where a state comes from: a copy that Claude Code made, its recorded edits done again, or a commit. */
export type FileSource = 'checkpoint' | 'replay' | 'git';

/** What a file held at one moment, without the bytes. Plain data. */
export type FileState =
  | {
      kind: 'content';
      source: FileSource;
      /** `exact`: nothing else can have changed the file between what is recorded and this moment. */
      certainty: 'exact' | 'likely';
      /** Which copy, commit or line of the transcript, for people. */
      ref: string;
      bytes: number;
      /** Lower-case hex SHA-256 of the bytes. */
      sha256: string;
      /** Permission bits in octal, for example `755`; null where not recorded. */
      mode: string | null;
    }
  | { kind: 'absent'; source: FileSource; certainty: 'exact' | 'likely'; ref: string }
  | { kind: 'unknown'; reason: string };

/** What changed a file in a turn. All but `edit` left no record of what they changed. */
export type ChangeCause = 'edit' | Unrecorded;

/** One file at one turn. */
export interface TurnFile {
  /** Relative to the session's folder where it lies inside, else absolute. */
  path: string;
  /** Absolute. */
  file: string;
  before: FileState;
  after: FileState;
  /** Whether the turn changed it; null where that isn't known. */
  changed: boolean | null;
  changedBy: ChangeCause[];
  /** What to know about it, a sentence each. */
  notes: string[];
}

/** The files that a session touched, as they were before and after one of its turns. */
export interface TurnFiles {
  /** 1-based. */
  turn: number;
  turnId: string;
  /** Absolute folder that paths are relative to; null where the recording names none. */
  folder: string | null;
  /** Sorted by path: those that the turn's branch touched at any turn. */
  files: TurnFile[];
  /** What is not recorded, a sentence each. */
  warnings: string[];
}

/** The two moments of a turn: before its prompt was sent, and after all that came of it. */
export type Side = 'before' | 'after';

/** A moment within a turn: right before or right after one of its messages. */
export interface FileCut {
  kind: 'before' | 'after';
  uuid: string;
}

/** What may be used to find out what files held. */
export interface FileReading {
  /** Where the turn is taken to end: `after` then is this moment. Default: all that came of the turn. */
  until?: FileCut;
  /** Default true. False starts no process, as a workspace that is not trusted needs it. */
  git?: boolean;
}

/** What a recording says of the commit that was checked out at a moment. Ids may be abbreviated, and are not checked. */
export interface RecordedCommit {
  /** ISO 8601 time of the moment, null where not recorded. */
  at: string | null;
  /** The commit that git last said to be checked out, in the output of a command before the moment. */
  made: string | null;
  /** The commit that the session began from. */
  start: string | null;
}
