import * as z from 'zod';
import type { JsonRecord } from '../session/jsonRecord.ts';

/** A copy of a file that Claude Code made, or its note that there was no such file. */
export interface Backup {
  /** Relative to the folder that Claude Code was started in, or absolute. */
  trackingPath: string;
  /** Name of the copy; null where the file did not exist. */
  name: string | null;
  /** Absolute folder of the file with links resolved; null where older versions did not record it. */
  realFolder: string | null;
  /** Made at the first change of the file inside the turn, not at its prompt. */
  atFirstChange: boolean;
}

/** What one record says of the files at a prompt. */
export interface CheckpointRecord {
  /** `uuid` of the prompt. */
  prompt: string;
  /** `uuid` of the tool call before which the copies were made; null where they were made at the prompt, or it is not recorded. */
  call: string | null;
  backups: Backup[];
  /** Claude Code saw changes in files that it doesn't keep copies of. */
  hasUntrackedChanges: boolean;
}

const backupSchema = z.object({
  backupFileName: z.string().nullable(),
  version: z.number().catch(0),
  backupTime: z.string().catch(''),
  realParentDir: z.string().nullish().catch(null),
});
const snapshotSchema = z.object({
  type: z.literal('file-history-snapshot'),
  messageId: z.string(),
  isSnapshotUpdate: z.boolean().catch(false),
  snapshot: z.object({
    messageId: z.string(),
    trackedFileBackups: z.record(z.string(), z.unknown()),
    timestamp: z.string().catch(''),
    hasUntrackedChanges: z.boolean().catch(false),
  }),
});
const deltaSchema = z.object({
  type: z.literal('file-history-delta'),
  messageId: z.string().catch(''),
  snapshotMessageId: z.string(),
  trackingPath: z.string(),
  backup: backupSchema,
});

function backupOf(trackingPath: string, value: unknown, takenAt: string | null): Backup | null {
  const { data } = backupSchema.safeParse(value);
  if (data === undefined) return null;
  // A later process writes the snapshots of a turn and its first changes as one. First copies have version 1, and were
  // made after the snapshot; one that is older belongs to a file that has not changed since.
  const later = takenAt === null || Date.parse(data.backupTime) > Date.parse(takenAt);
  return {
    trackingPath,
    name: data.backupFileName,
    realFolder: data.realParentDir ?? null,
    atFirstChange: data.version === 1 && later,
  };
}

/** Whether records of this type tell of files. */
export function isCheckpointType(type: string): boolean {
  return type === 'file-history-snapshot' || type === 'file-history-delta';
}

/** What a `file-history-…` record says; null where it can't be understood. */
export function recordedCheckpoint(record: JsonRecord): CheckpointRecord | null {
  const delta = deltaSchema.safeParse(record).data;
  if (delta !== undefined) {
    const backup = backupOf(delta.trackingPath, delta.backup, null);
    return {
      prompt: delta.snapshotMessageId,
      call: delta.messageId,
      backups: backup === null ? [] : [{ ...backup, atFirstChange: true }],
      hasUntrackedChanges: false,
    };
  }
  const { data } = snapshotSchema.safeParse(record);
  if (data === undefined) return null;
  const { messageId, trackedFileBackups, timestamp, hasUntrackedChanges } = data.snapshot;
  return {
    prompt: messageId,
    call: data.isSnapshotUpdate && data.messageId !== messageId ? data.messageId : null,
    backups: Object.entries(trackedFileBackups).flatMap(
      ([trackingPath, value]) => backupOf(trackingPath, value, timestamp) ?? [],
    ),
    hasUntrackedChanges,
  };
}
