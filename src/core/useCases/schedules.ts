import * as z from 'zod';
import type { Failure } from '../failure.ts';
import { providerSchema } from '../fork/forkPlan.ts';
import { type Asked, askedSchema } from '../fork/forkRequest.ts';
import { type BlobRef, blobRefSchema, type RunId, type SessionId } from '../ids.ts';
import type { RunChanges } from '../run/runChanges.ts';
import type { RunState } from '../run/runView.ts';
import type { AgainPreview } from './forkService.ts';

/** Blob behind a schedule: what it runs, as it was when the schedule was made. */
export const scheduleOrderSchema = z.object({
  version: z.literal(1),
  /** Each becomes a run of its own whenever the schedule fires. */
  items: z
    .array(
      z.object({
        /** Planned anew at each firing, since the session may have grown; null: the stored plan runs as it is. */
        asked: askedSchema.nullable(),
        /** Blob of the `ForkPlan` of that day: what runs where nothing is planned anew, and what a firing that failed is shown by. */
        plan: blobRefSchema,
      }),
    )
    .min(1),
  /** Where the sessions are looked for. */
  claudeDirs: z.array(z.string()),
  claudePath: z.string().nullable(),
  /** Folders that hold editor extensions, Claude Code's own among them. */
  extensionFolders: z.array(z.string()),
  provider: providerSchema,
});
export type ScheduleOrder = z.infer<typeof scheduleOrderSchema>;

/** What a person puts on a schedule: a fork, a replay, or a run that there was, sent again as it was. */
export type Scheduled = Asked | { kind: 'run'; runId: RunId };

/** A schedule as the server holds it: ids, times and a reference. */
export interface StoredSchedule {
  name: string;
  /** Five fields. */
  cron: string;
  /** IANA name of the zone that the cron is read in. */
  timezone: string;
  /** Blob of a `ScheduleOrder`. */
  order: BlobRef;
  /** Sessions of the items, in order. */
  sessions: SessionId[];
}

/** How a schedule stands on its server. */
export interface ScheduleState extends StoredSchedule {
  paused: boolean;
  /** ISO 8601, null where it is paused, or never again. */
  next: string | null;
  /** Firings that were left out because the one before was still under way. */
  skipped: number;
  /** The last time that it fired; null where it never has. */
  firing: {
    /** Of the workflow. */
    id: string;
    at: string;
    state: 'running' | 'completed' | 'failed' | 'cancelled';
    /** Why it failed as a whole. */
    failure: Failure | null;
  } | null;
}

/** What fires schedules. Every method throws EngineUnavailableError where it can't be reached. */
export interface ScheduleEngine {
  /** @throws BadInputError where the name is taken, or the cron is not understood */
  create(schedule: StoredSchedule): Promise<void>;
  list(): Promise<ScheduleState[]>;
  /** @throws NotFoundError */
  state(name: string): Promise<ScheduleState>;
  /** @throws NotFoundError */
  pause(name: string, paused: boolean): Promise<void>;
  /** Fires it now. @throws NotFoundError; BadInputError where its last firing is still under way */
  trigger(name: string): Promise<void>;
  /** Runs that it has started go on. @throws NotFoundError */
  delete(name: string): Promise<void>;
  /** Sees to it that somebody is there when it fires. @returns whether somebody is */
  ensureWorker(): Promise<boolean>;
}

/** A schedule as people see it. Unknown is null. */
export interface ScheduleView {
  name: string;
  cron: string;
  timezone: string;
  paused: boolean;
  next: string | null;
  skipped: number;
  /** Its last firing is not over. */
  isUnderWay: boolean;
  sessions: SessionId[];
  last: {
    /** The first run of the last firing; null where it came to none. */
    runId: RunId | null;
    /** Of all its runs together. */
    state: RunState;
    at: string;
    runs: { runId: RunId; state: RunState; changes: RunChanges | null }[];
    /** Why the firing failed before there was a run. */
    error: Failure | null;
  } | null;
}

/** What is put on a schedule, checked: nothing of it is stored yet. */
export interface ScheduleDraft {
  /** Default: by kind and session. */
  name?: string | undefined;
  cron: string;
  /** Default: this machine's. */
  timezone?: string | undefined;
  items: readonly Scheduled[];
}

/** Forks and replays on a cron. */
export interface ScheduleService {
  /** @throws BadInputError for a cron, a name or a time zone that can't be used, and for the in-process engine */
  check(draft: ScheduleDraft): void;
  /** What one firing of a stored run would send. @throws NotFoundError */
  previewRun(runId: RunId): Promise<AgainPreview>;
  /** Plans everything, stores it, and puts it on the schedule. @throws as `check` and `ScheduleEngine.create` */
  create(draft: ScheduleDraft): Promise<ScheduleView & { worker: boolean }>;
  list(): Promise<ScheduleView[]>;
  pause(name: string): Promise<ScheduleView>;
  resume(name: string): Promise<ScheduleView & { worker: boolean }>;
  /** Resolves once its runs are there, or `waitMs` are over. */
  trigger(name: string, options?: { waitMs?: number; signal?: AbortSignal }): Promise<ScheduleView>;
  delete(name: string): Promise<void>;
}
