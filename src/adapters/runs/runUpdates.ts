import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { BadInputError, NotFoundError, StorageError } from '../../core/errors.ts';
import { type Failure, failureSchema } from '../../core/failure.ts';
import { failureOf } from '../../core/run/runPlan.ts';
import { type RunUpdate, runUpdateSchema } from '../../core/run/runUpdate.ts';
import { isAbsent } from '../fileErrors.ts';
import { watchFolder } from '../watchFolder.ts';
import { writeWhole } from '../writeWhole.ts';

const wordSchema = z.union([z.object({ changed: z.boolean() }), z.object({ failure: failureSchema })]);

/** How often the one who asks looks for the answer, in milliseconds. */
const lookEveryMs = 50;

/**
 * Leaves a request for the run's owner in a file, and waits for the file with its word.
 * @param isOwned whether the run has a driver
 * @returns whether something changed, null where nobody drives the run any more
 * @throws what the owner answers with
 */
export async function requestUpdate(
  folder: string,
  update: RunUpdate,
  isOwned: () => Promise<boolean>,
): Promise<boolean | null> {
  const id = `${Date.now().toString().padStart(15, '0')}-${randomUUID()}`;
  const request = path.join(folder, `${id}.json`);
  const answer = path.join(folder, `${id}.done`);
  await writeWhole(request, JSON.stringify(update));
  for (;;) {
    // Asked before the last look: an owner that ended has said its word by then.
    const owned = await isOwned();
    const word = await readWord(answer);
    if (word !== null) {
      await rm(answer, { force: true });
      if ('changed' in word) return word.changed;
      throw errorOf(word.failure);
    }
    if (!owned) {
      // The next driver must not carry it out.
      await rm(request, { force: true });
      return null;
    }
    await delay(lookEveryMs);
  }
}

/** Takes back what nobody carried out. Words stay for those who asked. */
export async function dropRequests(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const requests = names.filter((name) => name.endsWith('.json'));
  await Promise.all(requests.map((name) => rm(path.join(folder, name), { force: true })));
}

/** Carries out the requests of a folder one after another, in the order in which they were made. */
export function carryOutUpdates(
  folder: string,
  carryOut: (update: RunUpdate) => Promise<boolean>,
): { dispose(): Promise<void> } {
  const seen = new Set<string>();
  let disposed = false;
  let reading = Promise.resolve();
  const read = (): void => {
    reading = reading.then(async () => {
      const names = await readdir(folder).catch(() => [] as string[]);
      for (const name of names.filter((each) => each.endsWith('.json')).sort()) {
        if (disposed || seen.has(name)) continue;
        seen.add(name);
        const word = await wordOn(path.join(folder, name), carryOut);
        // Where it can't be written, who asked waits until this run is over.
        await writeWhole(path.join(folder, name.replace(/json$/, 'done')), JSON.stringify(word)).catch(() => {});
      }
    });
  };
  const watching = watchFolder(folder, [], read);
  read();
  return {
    async dispose() {
      disposed = true;
      watching.dispose();
      await reading;
    },
  };
}

async function wordOn(
  file: string,
  carryOut: (update: RunUpdate) => Promise<boolean>,
): Promise<z.infer<typeof wordSchema>> {
  try {
    return { changed: await carryOut(runUpdateSchema.parse(JSON.parse(await readFile(file, 'utf8')))) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

async function readWord(file: string): Promise<z.infer<typeof wordSchema> | null> {
  try {
    return wordSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

function errorOf({ code, message, hint, details }: Failure): Error {
  if (code === 'bad_input') return new BadInputError(message, hint, details);
  if (code === 'not_found') return new NotFoundError(message, hint, details);
  return new StorageError(message, hint, details);
}
