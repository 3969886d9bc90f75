import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createBlobStore } from '../../../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../../../src/adapters/runs/createRunStore.ts';
import { BadInputError, NotFoundError, RunOwnedError, StorageError } from '../../../../src/core/errors.ts';
import type { ForkPlan } from '../../../../src/core/fork/forkPlan.ts';
import { branchIdSchema, type RunId, runIdSchema } from '../../../../src/core/ids.ts';
import type { BranchEvent } from '../../../../src/core/run/branchEvent.ts';
import type { RunStore } from '../../../../src/core/run/ports.ts';
import type { RunUpdate } from '../../../../src/core/run/runUpdate.ts';
import { buildPlan } from '../../../support/storedPlan.ts';

let home: string;
let dir: string;
let runs: RunStore;
/** The same folder as another process sees it. */
let others: RunStore;
let plan: ForkPlan;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'forkpoint-runs-'));
  dir = path.join(home, 'runs');
  runs = createRunStore(dir);
  others = createRunStore(dir);
  plan = await buildPlan(createBlobStore(path.join(home, 'blobs')), { branches: [{ name: 'one' }] });
  return () => rm(home, { recursive: true, force: true, maxRetries: 3 });
});

const at = '2026-11-20T10:00:00.000Z';
const b1 = branchIdSchema.parse('b1');
const delta = (text: string): BranchEvent => ({
  type: 'text-delta',
  runId: plan.runId,
  branchId: b1,
  at,
  step: 1,
  text,
  outputTokens: null,
});
const file = (name: string) => path.join(dir, plan.runId, name);
const texts = (events: BranchEvent[]) => events.map((event) => (event.type === 'text-delta' ? event.text : event.type));

/** Calls of a listener, to be awaited. */
function listening<T>() {
  const seen: T[] = [];
  let wake = (): void => {};
  return {
    seen,
    listener: (value: T) => {
      seen.push(value);
      wake();
    },
    async until(fits: () => boolean): Promise<void> {
      while (!fits()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

describe('the run store', () => {
  it('stores a plan once, however many ask at the same time', async () => {
    const made = await Promise.all([
      runs.create(plan),
      others.create(plan),
      runs.create({ ...plan, title: 'another' }),
    ]);
    expect(made.filter(Boolean)).toHaveLength(1);
    expect((await others.plan(plan.runId)).runId).toBe(plan.runId);
    expect(await readdir(dir)).toEqual([plan.runId]);
  });

  it('keeps runs to their user', async () => {
    await runs.create(plan);
    await runs.append(delta('x'));
    for (const name of ['plan.json', 'events.jsonl']) expect((await stat(file(name))).mode & 0o777).toBe(0o600);
    expect((await stat(path.join(dir, plan.runId))).mode & 0o777).toBe(0o700);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
  });

  it('lists the newest first', async () => {
    const ids = ['r-20261120-101500-aaaaaa', 'r-20261120-111500-aaaaaa', 'r-20261119-101500-zzzzzz'];
    expect(await runs.list()).toEqual([]);
    for (const runId of ids) await runs.create({ ...plan, runId: runIdSchema.parse(runId) });
    expect(await runs.list()).toEqual([ids[1], ids[0], ids[2]]);
    expect(await runs.list(1)).toEqual([ids[1]]);
  });

  it('says what is not there and what is damaged', async () => {
    const none = runIdSchema.parse('r-none');
    await expect(runs.plan(none)).rejects.toBeInstanceOf(NotFoundError);
    await expect(runs.events(none)).rejects.toBeInstanceOf(NotFoundError);
    await expect(runs.append({ ...delta('x'), runId: none })).rejects.toBeInstanceOf(NotFoundError);
    await expect(runs.requestUpdate(none, { type: 'cancel', branchId: null })).rejects.toBeInstanceOf(NotFoundError);
    await expect(runs.own(none)).rejects.toBeInstanceOf(NotFoundError);
    await expect(runs.plan('../../etc' as RunId)).rejects.toBeInstanceOf(NotFoundError);
    await runs.create(plan);
    await writeFile(file('plan.json'), '{"half":');
    await expect(runs.plan(plan.runId)).rejects.toBeInstanceOf(StorageError);
  });

  it('keeps the order of what several append at once, and loses nothing', async () => {
    await runs.create(plan);
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    await Promise.all([
      ...numbers.map((number) => runs.append(delta(`a${number}`))),
      ...numbers.map((number) => others.append(delta(`b${number}`))),
    ]);
    const seen = texts(await runs.events(plan.runId));
    expect(seen.filter((text) => text.startsWith('a'))).toEqual(numbers.map((number) => `a${number}`));
    expect(seen.filter((text) => text.startsWith('b'))).toEqual(numbers.map((number) => `b${number}`));
  });

  it('holds a torn last line back until it is whole, and gets over one that never will be', async () => {
    await runs.create(plan);
    const line = JSON.stringify(delta('whole'));
    await appendFile(file('events.jsonl'), line.slice(0, 40));
    expect(await runs.events(plan.runId)).toEqual([]);
    await appendFile(file('events.jsonl'), `${line.slice(40)}\n${line.slice(0, 40)}`);
    expect(texts(await runs.events(plan.runId))).toEqual(['whole']);
    await runs.append(delta('after a crash'));
    expect(texts(await others.events(plan.runId))).toEqual(['whole', 'after a crash']);
  });

  it('skips events that it does not understand', async () => {
    await runs.create(plan);
    await appendFile(file('events.jsonl'), `{"type":"of-the-future"}\nnonsense\n${JSON.stringify(delta('known'))}\n`);
    expect(texts(await runs.events(plan.runId))).toEqual(['known']);
  });

  it('lets others follow: what was, what comes, and the end when the run is deleted', async () => {
    await runs.create(plan);
    await runs.append(delta('before'));
    const heard = listening<string>();
    const following = (async () => {
      for await (const event of others.follow(plan.runId, new AbortController().signal))
        heard.listener(...(texts([event]) as [string]));
    })();
    await heard.until(() => heard.seen.length === 1);
    await runs.append(delta('later'));
    await heard.until(() => heard.seen.length === 2);
    await runs.delete(plan.runId);
    await following;
    expect(heard.seen).toEqual(['before', 'later']);
    await expect(runs.append(delta('too late'))).rejects.toBeInstanceOf(NotFoundError);
    expect(await runs.list()).toEqual([]);
  });

  it('stops following when told to', async () => {
    await runs.create(plan);
    const stop = new AbortController();
    const following = (async () => {
      for await (const _event of runs.follow(plan.runId, stop.signal)) stop.abort();
      return 'over';
    })();
    await runs.append(delta('one'));
    expect(await following).toBe('over');
  });

  it('tells nothing more to those who stopped listening', async () => {
    const heard: RunId[] = [];
    const watching = runs.watch((runId) => {
      heard.push(runId);
      watching.dispose();
    });
    await runs.create(plan);
    const later = await buildPlan(createBlobStore(path.join(home, 'blobs')), { branches: [{ name: 'one' }] });
    const over = listening<RunId>();
    const end = others.watch(over.listener);
    await runs.create(later);
    await over.until(() => over.seen.includes(later.runId));
    end.dispose();
    expect(heard).toEqual([plan.runId]);
  });

  it('tells watchers what others add, let grow and delete, also where the folder came later', async () => {
    const heard = listening<RunId>();
    const watching = runs.watch(heard.listener);
    await others.create(plan);
    await heard.until(() => heard.seen.includes(plan.runId));
    heard.seen.length = 0;
    await others.append(delta('x'));
    await heard.until(() => heard.seen.includes(plan.runId));
    heard.seen.length = 0;
    await others.delete(plan.runId);
    await heard.until(() => heard.seen.includes(plan.runId));
    watching.dispose();
    expect(new Set(heard.seen)).toEqual(new Set([plan.runId]));
  });
});

describe('who drives a run', () => {
  /** The lock of a process that is gone. */
  async function leaveLock(): Promise<void> {
    await createRunStore(dir).own(plan.runId);
    const [token = ''] = await readdir(file('owner.lock'));
    const written = JSON.parse(await readFile(file(`owner.lock/${token}`), 'utf8')) as object;
    await writeFile(file(`owner.lock/${token}`), JSON.stringify({ ...written, pid: 2 ** 22 + 1 }));
  }

  it('is one process at a time, and known to all', async () => {
    await runs.create(plan);
    expect(await others.isOwned(plan.runId)).toBe(false);
    const mark = await runs.own(plan.runId);
    expect(await others.isOwned(plan.runId)).toBe(true);
    await expect(others.own(plan.runId)).rejects.toBeInstanceOf(RunOwnedError);
    mark.dispose();
    await expect.poll(() => others.isOwned(plan.runId)).toBe(false);
    (await others.own(plan.runId)).dispose();
  });

  it('gives a run that was left to one of many that take it at once', async () => {
    await runs.create(plan);
    for (let round = 0; round < 10; round += 1) {
      await leaveLock();
      const tried = await Promise.allSettled(Array.from({ length: 12 }, () => createRunStore(dir).own(plan.runId)));
      const won = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(won).toHaveLength(1);
      for (const one of tried) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(RunOwnedError);
      won[0]?.dispose();
      await expect.poll(() => runs.isOwned(plan.runId), { interval: 5 }).toBe(false);
    }
  });

  it('is nobody once the process is gone, and what it was asked is forgotten', async () => {
    await runs.create(plan);
    await leaveLock();
    expect(await runs.isOwned(plan.runId)).toBe(false);
    expect(await runs.requestUpdate(plan.runId, { type: 'cancel', branchId: null })).toBeNull();
    const mark = await runs.own(plan.runId);
    expect(await others.isOwned(plan.runId)).toBe(true);
    expect(await readdir(path.join(dir, plan.runId, 'updates'))).toEqual([]);
    mark.dispose();
  });

  it('writes nothing more once another drives it', async () => {
    await runs.create(plan);
    const mark = await runs.own(plan.runId);
    const [token = ''] = await readdir(file('owner.lock'));
    await rm(file(`owner.lock/${token}`));
    const taken = await others.own(plan.runId);
    await expect
      .poll(() => runs.append(delta('x')).catch((error: unknown) => error), { timeout: 3_000 })
      .toBeInstanceOf(RunOwnedError);
    await others.append(delta('y'));
    mark.dispose();
    taken.dispose();
  });

  it('carries out requests of others one after another, and they hear what came of it', async () => {
    await runs.create(plan);
    const mark = await runs.own(plan.runId);
    const cancel = { type: 'cancel', branchId: b1 } as const;
    const early = others.requestUpdate(plan.runId, cancel);
    const heard: RunUpdate[] = [];
    const listeningTo = runs.onUpdateRequested(plan.runId, async (update) => {
      heard.push(update);
      if (update.type === 'cancel') return update.branchId !== null;
      throw new BadInputError('The run has ended.', 'Fork again.');
    });
    expect(await early).toBe(true);
    expect(await others.requestUpdate(plan.runId, { type: 'cancel', branchId: null })).toBe(false);
    const limits = { type: 'change-limits', change: { budgetUsd: 1 } } as const;
    const refused = others.requestUpdate(plan.runId, limits);
    await expect(refused).rejects.toMatchObject({
      code: 'bad_input',
      message: 'The run has ended.',
      hint: 'Fork again.',
    });
    expect(heard).toEqual([cancel, { ...cancel, branchId: null }, limits]);
    await listeningTo.dispose();
    const late = others.requestUpdate(plan.runId, cancel);
    mark.dispose();
    expect(await late).toBeNull();
  });

  it('replaces the plan of a run that is there, and of no other', async () => {
    await expect(runs.amend(plan)).rejects.toBeInstanceOf(NotFoundError);
    await runs.create(plan);
    await runs.amend({ ...plan, budgetUsd: 7 });
    expect(await others.plan(plan.runId)).toEqual({ ...plan, budgetUsd: 7 });
  });
});
