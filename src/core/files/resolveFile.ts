import { applyEdit } from './applyEdit.ts';
import { type Candidate, isSure } from './fileCandidate.ts';
import type { EditEvent } from './fileEvents.ts';
import type { FileSource } from './fileState.ts';
import { decodeText, encodeText, mostlyCrlf, sameBytes } from './textForm.ts';

/** A stored file. */
export interface StoredFile {
  bytes: Uint8Array;
  /** Permission bits, null where not known. */
  mode: number | null;
  /** Where it lies, for people. */
  ref: string;
}

/** Where contents are read from. Nothing is ever written there. */
export interface FileSources {
  /** A copy that Claude Code made; null where it isn't there any more, or isn't a plain file. @param name as recorded, not trusted */
  checkpoint(name: string): Promise<StoredFile | null>;
  /**
   * The file in the commit that was checked out when the session began.
   * @param path absolute, not trusted
   */
  committed(path: string): Promise<StoredFile | { absent: true; ref: string } | { unknown: string }>;
}

interface Known {
  source: FileSource;
  certainty: 'exact' | 'likely';
  /** The way that was taken. */
  candidate: Candidate;
  /** Copies that are named but can't be read. */
  lostCopies: number;
  /** The copy of the next prompt is not what the recorded edits make of the file. */
  disputed: boolean;
  damaged: boolean;
}

export type ResolvedFile =
  | ({ kind: 'content'; file: StoredFile } & Known)
  | ({ kind: 'absent'; ref: string } & Known)
  | { kind: 'unknown'; reason: string; lostCopies: number };

/** What one way led to. */
interface Outcome {
  candidate: Candidate;
  bytes: Uint8Array | null;
  mode: number | null;
  ref: string;
  source: FileSource;
  sure: boolean;
  /** Older versions of Claude Code copied files as text: bytes that are no UTF-8 were lost. */
  damaged: boolean;
}

/** Why a way led nowhere. */
interface Failure {
  reason: string;
  lost: boolean;
}

type Start = { file: StoredFile | null; ref: string; source: FileSource } | { failed: string; lost?: true };

/** Replays edits; null where one does not fit. */
function replay(
  start: Uint8Array | null,
  edits: readonly EditEvent[],
): { bytes: Uint8Array | null; sure: boolean } | null {
  let at = start;
  let sure = true;
  for (const event of edits) {
    const edit = event.read();
    const next = edit === null ? null : applyEdit(at, edit);
    if (next === null) return null;
    at = next.bytes;
    sure &&= next.sure;
  }
  return { bytes: at, sure };
}

/** Finds out what a file held, by the best of several ways that leads somewhere. */
export class FileResolver {
  readonly #copies = new Map<string, Promise<StoredFile | null>>();

  constructor(private readonly sources: FileSources) {}

  /**
   * @param path absolute
   * @param candidates best first
   * @param others ways to other moments of the file: what its line ends and encoding are may be told by any of them
   */
  async resolve(
    path: string,
    candidates: readonly Candidate[],
    others: readonly Candidate[] = [],
  ): Promise<ResolvedFile> {
    const all = [...candidates, ...others];
    const followed = new Map<Candidate, Outcome | Failure>();
    const follow = async (wanted: readonly Candidate[], stop: (outcome: Outcome) => boolean): Promise<Outcome[]> => {
      const outcomes: Outcome[] = [];
      for (const candidate of wanted) {
        const outcome = followed.get(candidate) ?? (await this.#follow(path, candidate, all));
        followed.set(candidate, outcome);
        if (!('bytes' in outcome)) continue;
        outcomes.push(outcome);
        if (stop(outcome)) break;
      }
      return outcomes;
    };
    const [certain] = (await follow(candidates.filter(isSure), ({ sure }) => sure)).filter(({ sure }) => sure);
    const [next] = await follow(
      candidates.filter(({ isAtNextPrompt }) => isAtNextPrompt),
      () => true,
    );
    const confirming = certain !== undefined || next === undefined ? [] : candidates.filter(tellsBytes);
    const earlier = await follow(confirming.slice(0, 2), () => false);
    const best = await follow(certain === undefined ? candidates : [], ({ damaged }) => !damaged);
    const disputed =
      certain !== undefined && next !== undefined && !next.damaged && !sameContent(next.bytes, certain.bytes);
    // Where both say the same, the copy also knows the file's mode.
    const sure = disputed || next === undefined || next.damaged ? certain : certain && next;
    const chosen = sure ?? best.find(({ damaged }) => !damaged) ?? best[0];
    const failures = [...followed.values()].filter((outcome): outcome is Failure => 'reason' in outcome);
    const lostCopies = failures.filter(({ lost }) => lost).length;
    if (chosen === undefined)
      return { kind: 'unknown', reason: failures[0]?.reason ?? 'Nothing recorded says what it held.', lostCopies };
    const { bytes, mode, ref, source, candidate, damaged } = chosen;
    const confirmed = chosen === next && !damaged && earlier.some((outcome) => sameContent(outcome.bytes, bytes));
    const certainty = (sure !== undefined && !disputed) || confirmed ? 'exact' : 'likely';
    const known = { source, certainty, candidate, lostCopies, disputed, damaged } as const;
    return bytes === null
      ? { kind: 'absent', ref, ...known }
      : { kind: 'content', file: { bytes, mode, ref }, ...known };
  }

  async #follow(path: string, candidate: Candidate, all: readonly Candidate[]): Promise<Outcome | Failure> {
    const start = await this.#start(path, candidate, all);
    if ('failed' in start) return { reason: start.failed, lost: start.lost === true };
    const done = replay(start.file?.bytes ?? null, candidate.edits);
    if (done === null) return { reason: 'The recorded edits do not fit what is known of the file.', lost: false };
    const damaged = start.source === 'checkpoint' && start.file !== null && holdsReplacements(start.file.bytes);
    return {
      candidate,
      damaged,
      bytes: done.bytes,
      mode: start.file?.mode ?? null,
      ref: refOf(start.ref, candidate.edits),
      source: candidate.edits.length > 0 ? 'replay' : start.source,
      sure: isSure(candidate) && done.sure && !damaged,
    };
  }

  async #start(path: string, { base, edits }: Candidate, all: readonly Candidate[]): Promise<Start> {
    switch (base.kind) {
      case 'checkpoint': {
        const file = await this.#copy(base.name);
        if (file === null) return { failed: 'The copy that Claude Code made is not there any more.', lost: true };
        return { file, ref: file.ref, source: 'checkpoint' };
      }
      case 'absent':
        return {
          file: null,
          ref: base.by === 'edit' ? 'created by a recorded edit' : 'checkpoint',
          source: base.by === 'edit' ? 'replay' : 'checkpoint',
        };
      case 'written':
        return { file: null, ref: `line ${edits[0]?.line ?? 0}`, source: 'replay' };
      case 'text': {
        const ref = `line ${base.of.line}`;
        const original = base.of.read()?.original;
        if (original === null || typeof original !== 'object')
          return { failed: 'The recorded edit can’t be read any more.' };
        return {
          file: { bytes: await this.#withForm(path, original.text, all), mode: null, ref },
          ref,
          source: 'replay',
        };
      }
      case 'commit': {
        const found = await this.sources.committed(path);
        if ('unknown' in found) return { failed: found.unknown };
        return 'absent' in found
          ? { file: null, ref: found.ref, source: 'git' }
          : { file: found, ref: found.ref, source: 'git' };
      }
    }
  }

  /** A recorded text with the line ends and the encoding of any copy of the file that can still be read. */
  async #withForm(path: string, text: string, all: readonly Candidate[]): Promise<Uint8Array> {
    const known = await this.#anyBytes(path, all);
    if (known === null || text.includes('\r\n')) return encodeText(text, { encoding: 'utf-8', crlf: false });
    const { text: same, form } = decodeText(known);
    // The very text of a copy stands for its bytes: also where its line ends are mixed.
    if (same === text) return known;
    return encodeText(text, { encoding: form.encoding, crlf: form.lineEnds !== 'lf' && mostlyCrlf(known) });
  }

  async #anyBytes(path: string, all: readonly Candidate[]): Promise<Uint8Array | null> {
    for (const { base } of all) {
      if (base.kind === 'checkpoint') {
        const copy = await this.#copy(base.name);
        if (copy !== null && !holdsReplacements(copy.bytes)) return copy.bytes;
      }
      if (base.kind === 'commit') {
        const found = await this.sources.committed(path);
        if ('bytes' in found) return found.bytes;
      }
    }
    return null;
  }

  #copy(name: string): Promise<StoredFile | null> {
    const known = this.#copies.get(name) ?? this.sources.checkpoint(name);
    this.#copies.set(name, known);
    return known;
  }
}

/** Whether the bytes hold U+FFFD in UTF-8: what is left of bytes that were read as text and were none. */
function holdsReplacements(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0xef); at >= 0; at = bytes.indexOf(0xef, at + 1))
    if (bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) return true;
  return false;
}

/** Ways that begin with what was on disk earlier: where edits lead from there to a later copy, nothing else changed the file. */
function tellsBytes({ isEarlier, base }: Candidate): boolean {
  return isEarlier && (base.kind === 'checkpoint' || base.kind === 'absent');
}

function sameContent(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : sameBytes(a, b);
}

function refOf(start: string, edits: readonly EditEvent[]): string {
  const last = edits.at(-1);
  return last === undefined
    ? start
    : `${start} + ${edits.length === 1 ? 'edit' : `${edits.length} edits`} up to line ${last.line}`;
}

/** What the edits of a turn make of a file; null where they do not fit. */
export function replayed(before: Uint8Array | null, edits: readonly EditEvent[]): Uint8Array | null {
  return replay(before, edits)?.bytes ?? null;
}
