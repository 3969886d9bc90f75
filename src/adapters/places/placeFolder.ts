import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { PlaceId, Teardown } from '../../core/agent/agentPorts.ts';
import { placeKindSchema } from '../../core/agent/agentSettings.ts';
import { runIdSchema } from '../../core/ids.ts';
import { writeWhole } from '../writeWhole.ts';

/** What is kept of a place. Paths in it are those of the project, never of the place's own folder. */
export const placeRecordSchema = z.object({
  version: z.literal(1),
  kind: placeKindSchema,
  runId: runIdSchema,
  name: z.string(),
  /** As recorded. */
  folder: z.string(),
  projectRoot: z.string(),
  /** With links resolved. */
  realRoot: z.string(),
  /** Folders that a layer is laid over, links resolved; the first one is the project's root. Empty but for an overlay. */
  mounts: z.array(z.string()),
  /** The repository as the user has it, null outside git. */
  git: z.object({ gitDir: z.string(), commonDir: z.string(), head: z.string().nullable() }).nullable(),
  /** Commit that is checked out in the place at its beginning. */
  head: z.string().nullable(),
  /** Git tree of the files at the beginning; null in an overlay, where the layers say it. */
  snapshot: z.string().nullable(),
  /** Folders of the first layer below which nothing of the user's tree shows, relative to the root. */
  opaque: z.array(z.string()),
  createdAt: z.string(),
  notes: z.array(z.string()),
});
export type PlaceRecord = z.infer<typeof placeRecordSchema>;

const teardownSchema = z.object({ commands: z.array(z.string()), env: z.record(z.string(), z.string()) });

/** Names that places have; all else in a run's folder is something else (its object store, drafts). */
export const placeName = /^[a-z0-9][a-z0-9-]*$/;

/** The files of one place. */
export class PlaceFolder {
  /** @param folder absolute */
  constructor(readonly folder: string) {}

  static of(places: string, { runId, name }: PlaceId): PlaceFolder {
    return new PlaceFolder(path.join(places, runId, name));
  }

  get recordFile(): string {
    return path.join(this.folder, 'place.json');
  }

  /** Its time is that of the fork point; see `movedFiles`. */
  get forkedFile(): string {
    return path.join(this.folder, 'forked');
  }

  get #teardownFile(): string {
    return path.join(this.folder, 'teardown.json');
  }

  /** Marks of the processes that live in it. */
  get living(): string {
    return path.join(this.folder, 'living');
  }

  /** What the branch changed in mount `at`. */
  upper(at: number): string {
    return path.join(this.folder, 'upper', String(at));
  }

  /** What was changed to come to the fork point; absent where nothing was. */
  base(at: number): string {
    return path.join(this.folder, 'base', String(at));
  }

  /** Of a copy or a worktree. Called like the project, for windows and packages take their names from it. */
  tree(realRoot: string): string {
    return path.join(this.folder, 'tree', path.basename(realRoot) || 'root');
  }

  /** Our own repository of the place's states; see `Snapshots`. */
  get snapshots(): string {
    return path.join(this.folder, 'snapshots.git');
  }

  /** Null where the place was not made to the end. */
  async read(): Promise<PlaceRecord | null> {
    try {
      return placeRecordSchema.parse(JSON.parse(await readFile(this.recordFile, 'utf8')));
    } catch {
      return null;
    }
  }

  /** Null where nothing is kept, or what is kept is damaged. */
  async readTeardown(): Promise<Teardown | null> {
    try {
      return teardownSchema.parse(JSON.parse(await readFile(this.#teardownFile, 'utf8')));
    } catch {
      return null;
    }
  }

  async writeTeardown(teardown: Teardown): Promise<void> {
    await writeWhole(this.#teardownFile, JSON.stringify(teardown));
  }

  /** Written last: what has no record is half made. */
  async write(record: PlaceRecord): Promise<void> {
    await writeWhole(this.recordFile, JSON.stringify(record, null, 2));
  }
}
