import type { PlacedFile, PlacedFiles } from '../../agent/agentSettings.ts';
import { isGitPath } from '../../changes/changePaths.ts';
import { shells } from '../../files/fileEvents.ts';
import { pathInside } from '../../files/filePaths.ts';
import type { FileCut, Side, TurnFile } from '../../files/fileState.ts';
import { firstOf, plural } from '../../format.ts';
import type { BlobRef } from '../../ids.ts';
import type { ResolvedPoint } from '../forkPlan.ts';
import type { OpenSession } from '../sessionStore.ts';

/** A moment of a recording at which files are wanted. */
export interface FilesMoment {
  /** 1-based. */
  turn: number;
  side: Side;
  /** Set within a turn: where `after` is. */
  until?: FileCut;
}

/** The moment of a fork point. */
export function momentOf({ kind, uuid, turnId, turnIndex }: ResolvedPoint): FilesMoment {
  if (uuid === turnId && kind === 'before') return { turn: turnIndex, side: 'before' };
  return { turn: turnIndex, side: 'after', until: { kind, uuid } };
}

export interface PlacingDeps {
  /** Folder that is laid out in a place, absolute, as recorded. What the session touched outside of it is left alone. */
  projectRoot: string;
  put: (value: unknown) => Promise<BlobRef>;
  encodeBase64: (bytes: Uint8Array) => string;
  /** Default true. False starts no process. */
  git?: boolean;
}

/**
 * The files of a session as they were at a moment, each content stored. A file of which nothing is known is listed, and stays as the
 * place has it: also one that the session touches later only, and has no copy of.
 * @throws NotFoundError where the session has no such turn or message
 */
export async function placedFilesOf(open: OpenSession, moment: FilesMoment, deps: PlacingDeps): Promise<PlacedFiles> {
  const reading = { git: deps.git ?? true, ...(moment.until === undefined ? {} : { until: moment.until }) };
  const found = await open.files(moment.turn, reading);
  const isPlaced = ({ file }: TurnFile) => isGitPath(pathInside(deps.projectRoot, file) ?? '');
  const placed: PlacedFiles = { files: [], unknown: [], warnings: [] };
  // One after the other: a file may have many megabytes.
  for (const each of found.files.filter(isPlaced)) {
    const state = each[moment.side];
    if (state.kind === 'unknown') {
      placed.unknown.push({ path: each.file, reason: state.reason });
      continue;
    }
    const common = { path: each.file, certainty: state.certainty } satisfies Partial<PlacedFile>;
    if (state.kind === 'absent') {
      placed.files.push({ ...common, content: null, mode: null });
      continue;
    }
    const bytes = await open.fileContent(moment.turn, each.file, moment.side, reading);
    if (bytes === null) placed.unknown.push({ path: each.file, reason: 'Its copy has gone while it was read.' });
    else {
      const content = await deps.put({ base64: deps.encodeBase64(bytes) });
      placed.files.push({ ...common, content, mode: state.mode });
    }
  }
  placed.warnings = warningsOf(
    open,
    found.files.filter((file) => !isPlaced(file)),
  );
  return placed;
}

function warningsOf(open: OpenSession, outside: readonly TurnFile[]): string[] {
  const warnings: string[] = [];
  if (outside.length > 0) {
    const names = outside.map(({ file }) => file);
    warnings.push(
      `${plural(outside.length, 'file')} outside of the project ${outside.length === 1 ? 'is' : 'are'} left as ${outside.length === 1 ? 'it is' : 'they are'} now: ${firstOf(names, 3)}`,
    );
  }
  if (open.session.turns.some(({ tools }) => tools.some((tool) => shells.has(tool))))
    warnings.push('Shell commands ran in this session: what they alone changed is not recorded, and not restored.');
  return warnings;
}
