import type { Place, Places } from '../../agent/agentPorts.ts';
import type { ChangeSet, FileChange } from '../../changes/changes.ts';
import { changeSetOf } from '../../changes/storedChanges.ts';
import type { BranchView, RunView } from '../runView.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { openPlace } from './openPlace.ts';

/** What a branch changes now, where that is not what is known of it. */
export interface LaterChanges {
  place: Place;
  changes: ChangeSet;
  /** Where the two differ, sorted. */
  paths: string[];
}

/**
 * What was changed in the place of a branch after it ended: by a person, a command, a check, or its session gone on with.
 * @returns null where there is nothing, no place any more, or the agent is still at work
 * @throws PlaceError where something lives in the place
 */
export async function laterChanges(
  { runId }: Pick<RunView, 'runId'>,
  { branchId, state, changeSet }: Pick<BranchView, 'branchId' | 'state' | 'changeSet'>,
  { places, blobs }: Pick<AgentWorkDeps, 'blobs'> & { places: Pick<Places, 'open'> },
): Promise<LaterChanges | null> {
  if (state === 'running' || state === 'waiting' || changeSet === null) return null;
  const place = await openPlace({ runId, name: branchId }, places);
  if (place === null) return null;
  const known = await changeSetOf(changeSet, blobs);
  const before = new Map(known.changes.map((change) => [change.path, change]));
  const found = await place.changes();
  // What a file was at the fork point stays as it was found first: the user's tree may have changed since.
  const changes = found.changes.flatMap((change) => {
    const first = before.get(change.path);
    const whole = first === undefined ? change : { ...change, before: first.before };
    return isSame(whole.before, whole.after) ? [] : [whole];
  });
  const after = new Map(changes.map((change) => [change.path, change]));
  const paths = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => !isSame(before.get(path)?.after, after.get(path)?.after),
  );
  return paths.length === 0 ? null : { place, changes: { ...found, changes }, paths: paths.sort() };
}

/** Undefined where the file is as at the fork point, null where it is gone. */
function isSame(a: FileChange['after'] | undefined, b: FileChange['after'] | undefined): boolean {
  return a?.oid === b?.oid && a?.mode === b?.mode && (a === undefined) === (b === undefined);
}
