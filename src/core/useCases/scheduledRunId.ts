import { type RunId, runIdSchema } from '../ids.ts';
import type { Sha256 } from '../sha256.ts';

/**
 * Id of a run that a schedule fires: the same whoever asks, so that an activity that is handed out again makes no second run.
 * @param firing id of the firing's workflow; the server ends it with the time, `2026-11-30T03:00:00Z`
 * @param index of the item
 */
export function scheduledRunId(firing: string, index: number, sha256: Sha256): RunId {
  const at = /(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/.exec(firing)?.slice(1) ?? [];
  const stamp = at.length === 0 ? '' : `${at.slice(0, 3).join('')}-${at.slice(3).join('')}-`;
  return runIdSchema.parse(`r-${stamp}${sha256(`${firing} ${index}`).slice(0, 8)}`);
}
