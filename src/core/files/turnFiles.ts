import { NotFoundError } from '../errors.ts';
import { listed, plural } from '../format.ts';
import { groupBy } from '../groupBy.ts';
import type { TurnOutline } from '../session/recordedSession.ts';
import type { Candidate } from './fileCandidate.ts';
import type { EditEvent, Unrecorded } from './fileEvents.ts';
import { absolutePath, pathInside } from './filePaths.ts';
import type { ChangeCause, FileCut, FileState, RecordedCommit, Side, TurnFile, TurnFiles } from './fileState.ts';
import type { FileTimeline, TurnActivity } from './fileTimeline.ts';
import { recordedCommit } from './recordedCommit.ts';
import { FileResolver, type FileSources, type ResolvedFile, replayed } from './resolveFile.ts';
import { sameBytes } from './textForm.ts';

/** Lower-case hex SHA-256 of bytes. */
export type Sha256OfBytes = (bytes: Uint8Array) => string;

const causeText: Record<Unrecorded, string> = {
  shell: 'shell commands',
  hook: 'hooks',
  subagent: 'a subagent whose records are missing',
  tool: 'tools that record no changes',
  outside: 'somebody outside of the session',
  branch: 'another branch of this session',
};

/** `shell commands and hooks` */
function causesText(causes: readonly Unrecorded[]): string {
  return listed(
    causes.map((cause) => causeText[cause]),
    'and',
  );
}

function permissionBits(mode: number | null): string | null {
  return mode === null ? null : (mode & 0o777).toString(8);
}

function stateOf(resolved: ResolvedFile, sha256: Sha256OfBytes): FileState {
  if (resolved.kind === 'unknown') return { kind: 'unknown', reason: resolved.reason };
  const { source, certainty } = resolved;
  if (resolved.kind === 'absent') return { kind: 'absent', source, certainty, ref: resolved.ref };
  const { bytes, mode, ref } = resolved.file;
  return {
    kind: 'content',
    source,
    certainty,
    ref,
    bytes: bytes.length,
    sha256: sha256(bytes),
    mode: permissionBits(mode),
  };
}

function bytesOf(resolved: ResolvedFile): Uint8Array | null | undefined {
  return resolved.kind === 'content' ? resolved.file.bytes : resolved.kind === 'absent' ? null : undefined;
}

/** Undefined is unknown, null is no file. */
function same(a: Uint8Array | null | undefined, b: Uint8Array | null | undefined): boolean | null {
  if (a === undefined || b === undefined) return null;
  return a === null || b === null ? a === b : sameBytes(a, b);
}

function changeCauses(
  changed: boolean | null,
  edits: readonly EditEvent[],
  explained: boolean,
  activity: TurnActivity,
): ChangeCause[] {
  const causes: ChangeCause[] = edits.length > 0 && changed !== false ? ['edit'] : [];
  if (changed !== true || explained) return causes;
  const ran = [...activity.unrecorded];
  return [...causes, ...(ran.length > 0 ? ran : (['outside'] as const))];
}

/** Why a state is only likely; null where it is exact, or not known at all. */
function doubtText(resolved: ResolvedFile): string | null {
  if (resolved.kind === 'unknown' || resolved.certainty === 'exact') return null;
  const { base, between, edits, isAtNextPrompt } = resolved.candidate;
  const known = {
    checkpoint: isAtNextPrompt ? 'as copied at the next prompt' : 'as copied at another moment',
    absent: isAtNextPrompt ? 'as found at the next prompt' : 'as found at another moment',
    commit: 'as committed when the session began',
    text: 'its text is recorded, its line ends and encoding are not',
    written: 'its text is recorded, its line ends and encoding are not',
  }[base.kind];
  const replayed =
    edits.length > 0 && base.kind !== 'text' && base.kind !== 'written' ? ', with the recorded edits' : '';
  return `${known}${replayed}${between.length > 0 ? `; ${causesText(between)} may have changed it in between` : ''}`;
}

function notesOf(sides: { side: Side; resolved: ResolvedFile }[], changedBy: readonly ChangeCause[]): string[] {
  const notes: string[] = [];
  const unrecorded = changedBy.filter((cause): cause is Unrecorded => cause !== 'edit');
  if (unrecorded.length > 0) notes.push(`Changed by ${causesText(unrecorded)}, not recorded.`);
  const reasons = groupBy(sides, ({ resolved }) => doubtText(resolved));
  for (const [reason, of] of reasons) {
    const when = of.map(({ side }) => side).join(' and ');
    if (reason !== null) notes.push(`${when.charAt(0).toUpperCase()}${when.slice(1)} the turn, likely: ${reason}.`);
  }
  if (sides.some(({ resolved }) => resolved.kind !== 'unknown' && resolved.disputed))
    notes.push('At the next prompt it was not what the recorded edits make of it: somebody changed it in between.');
  if (sides.some(({ resolved }) => resolved.kind !== 'unknown' && resolved.damaged))
    notes.push('This version of Claude Code copied files as text: bytes that are no UTF-8 were lost.');
  const lost = Math.max(...sides.map(({ resolved }) => resolved.lostCopies));
  if (lost > 0)
    notes.push(
      `${lost === 1 ? 'A copy' : plural(lost, 'copy', 'copies')} that Claude Code made of it can’t be read any more.`,
    );
  return notes;
}

/** What a session touched, turn by turn; contents are read when they are asked for. */
export class SessionFiles {
  constructor(
    private readonly timeline: FileTimeline,
    private readonly turns: readonly TurnOutline[],
    private readonly folder: string | null,
    private readonly sha256: Sha256OfBytes,
  ) {}

  /** @param index of the turn, 1-based @param until where the turn is taken to end @throws NotFoundError */
  async at(index: number, sources: FileSources, until?: FileCut): Promise<TurnFiles> {
    const turn = this.#turn(index, until);
    const activity = this.timeline.activity(turn, until);
    const files: TurnFile[] = [];
    // One after the other: a file may have many megabytes.
    for (const path of this.timeline.paths(turn, until))
      files.push(await this.#file(path, turn, activity, sources, until));
    return {
      turn: index,
      turnId: turn.turnId,
      folder: this.folder,
      files,
      warnings: warningsOf(activity, this.timeline.refused),
    };
  }

  /**
   * @param path absolute, or relative to the session's folder
   * @returns null where there was no such file, or nothing is known of it
   * @throws NotFoundError for a turn that the session has not, and for a path that it did not touch
   */
  async content(
    index: number,
    path: string,
    side: Side,
    sources: FileSources,
    until?: FileCut,
  ): Promise<Uint8Array | null> {
    const turn = this.#turn(index, until);
    const file = absolutePath(this.folder, path);
    if (file === null || !this.timeline.paths(turn, until).includes(file)) {
      throw new NotFoundError(
        `The session did not touch ${JSON.stringify(path)} on the branch of turn ${index}.`,
        'List the files with `forkpoint files SESSION --turn N`.',
        { path },
      );
    }
    return bytesOf(await this.#resolve(new FileResolver(sources), file, turn, side, until)) ?? null;
  }

  /** What the recording says of the commit that was checked out before or after a turn. @throws NotFoundError */
  commit(index: number, side: Side, until?: FileCut): RecordedCommit {
    return recordedCommit(this.timeline, this.#turn(index, until), side, until);
  }

  #turn(index: number, until?: FileCut): TurnOutline {
    const turn = this.turns.find((candidate) => candidate.index === index);
    if (turn !== undefined && until !== undefined && !this.timeline.isIn(turn, until.uuid)) {
      throw new NotFoundError(
        `Turn ${index} has no message ${until.uuid}.`,
        'List its messages with `forkpoint messages SESSION`.',
        { uuid: until.uuid },
      );
    }
    if (turn !== undefined) return turn;
    throw new NotFoundError(
      `The session has no turn ${index}.`,
      `It has ${plural(this.turns.length, 'turn')}; list them with \`forkpoint inspect\`.`,
      { path: 'turn' },
    );
  }

  #resolve(
    resolver: FileResolver,
    path: string,
    turn: TurnOutline,
    side: Side,
    until?: FileCut,
  ): Promise<ResolvedFile> {
    const candidates: Record<Side, Candidate[]> = {
      before: this.timeline.candidates(path, turn, 'before', until),
      after: this.timeline.candidates(path, turn, 'after', until),
    };
    return resolver.resolve(path, candidates[side], candidates[side === 'before' ? 'after' : 'before']);
  }

  async #file(
    path: string,
    turn: TurnOutline,
    activity: TurnActivity,
    sources: FileSources,
    until?: FileCut,
  ): Promise<TurnFile> {
    const resolver = new FileResolver(sources);
    const before = await this.#resolve(resolver, path, turn, 'before', until);
    const after = await this.#resolve(resolver, path, turn, 'after', until);
    const edits = activity.edits.filter((event) => event.path === path);
    const [had, has] = [bytesOf(before), bytesOf(after)];
    const unchanged = same(had, has);
    const changed = unchanged === null ? null : !unchanged;
    const explained = had !== undefined && has !== undefined && same(replayed(had, edits), has) === true;
    const changedBy = changeCauses(changed, edits, explained, activity);
    return {
      path: pathInside(this.folder, path) ?? path,
      file: path,
      before: stateOf(before, this.sha256),
      after: stateOf(after, this.sha256),
      changed,
      changedBy,
      notes: notesOf(
        [
          { side: 'before', resolved: before },
          { side: 'after', resolved: after },
        ],
        changedBy,
      ),
    };
  }
}

function warningsOf(activity: TurnActivity, refused: number): string[] {
  const warnings: string[] = [];
  const ran = [...activity.unrecorded];
  if (ran.length > 0) {
    const text = causesText(ran);
    warnings.push(
      `${text.charAt(0).toUpperCase()}${text.slice(1)} ran in this turn: files that they alone changed are not recorded.`,
    );
  }
  if (activity.hasUntrackedChanges)
    warnings.push('Claude Code noticed changes in this turn to files that it keeps no copies of.');
  if (refused > 0) warnings.push(`${plural(refused, 'edit')} named no path that a file can have; left out.`);
  return warnings;
}
