import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EncryptionSettings } from '../../../../src/core/encryptionSettings.ts';
import type { ForkPlan } from '../../../../src/core/fork/forkPlan.ts';
import { branchIdSchema } from '../../../../src/core/ids.ts';
import type { BranchEvent } from '../../../../src/core/run/branchEvent.ts';
import type { RunSharing } from '../../../../src/core/run/runSharing.ts';
import { createStores, type Stores } from '../../../../src/storeServices.ts';
import { storePlan } from '../../../support/storedPlan.ts';

const at = '2026-11-30T12:00:00.000Z';

let dir: string;
let key: EncryptionSettings | null;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'forkpoint-shared-runs-'));
  key = null;
});
afterEach(() => rm(dir, { recursive: true, maxRetries: 5 }));

interface Machine extends Stores {
  sharing: RunSharing;
}

/** A data folder of its own, as another machine has it. */
function machine(name: string, encryption = key): Machine {
  const location = path.join(dir, 'store');
  const stores = createStores({ home: path.join(dir, name), location, encryption: async () => encryption });
  if (stores.sharing === null) throw new Error('There is a store.');
  return { ...stores, sharing: stores.sharing };
}

async function sharedPlan(home: Machine, names = ['one', 'two']): Promise<ForkPlan> {
  const plan = await storePlan(home, { engine: 'temporal', branches: names.map((name) => ({ name })) });
  await home.sharing.share(plan);
  return plan;
}

const note = ({ runId }: ForkPlan, branch: number, text: string): BranchEvent => {
  const branchId = branchIdSchema.parse(`b${branch}`);
  return { type: 'branch-note', runId, branchId, at, text };
};
const texts = (events: BranchEvent[]): string[] => events.flatMap((event) => ('text' in event ? event.text : []));

describe('a shared run', () => {
  it('is written by workers that never saw its machine, and read there: in one order, nothing lost, nothing twice', async () => {
    const [home, one, two] = [machine('home'), machine('one'), machine('two')];
    const plan = await sharedPlan(home);
    expect(await one.runs.plan(plan.runId)).toEqual(plan);
    expect(await two.sharing.blobs.get(plan.branches[1]!.request)).toEqual(
      await home.blobs.get(plan.branches[1]!.request),
    );
    const write = async (worker: Machine, branch: number): Promise<void> => {
      const events = Array.from({ length: 60 }, (_, index) => note(plan, branch, `${branch}.${index}`));
      // Some at once, as text streams in, and some one after the other.
      for (let from = 0; from < 60; from += 10) {
        await Promise.all(events.slice(from, from + 10).map((event) => worker.runs.append(event)));
      }
    };
    const seen: BranchEvent[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const event of home.runs.follow(plan.runId, stop.signal)) {
        seen.push(event);
        if (seen.length === 120) stop.abort();
      }
    })();
    await Promise.all([write(one, 1), write(two, 2)]);
    await following;
    const expected = (branch: number) => Array.from({ length: 60 }, (_, index) => `${branch}.${index}`);
    for (const events of [seen, await home.runs.events(plan.runId), await two.runs.events(plan.runId)]) {
      expect(texts(events)).toHaveLength(120);
      for (const branch of [1, 2]) {
        expect(texts(events).filter((text) => text.startsWith(`${branch}.`))).toEqual(expected(branch));
      }
    }
    expect(texts(await one.runs.events(plan.runId))).toEqual(texts(seen));
    // The workers' folders hold no copy of it.
    await expect(readdir(path.join(dir, 'one', 'runs'))).rejects.toThrow('ENOENT');
  });

  it('is copied once, however many look at it at the same time, and goes on from where a copy broke off', async () => {
    const worker = machine('worker');
    const plan = await sharedPlan(machine('home'));
    await Promise.all(Array.from({ length: 30 }, (_, index) => worker.runs.append(note(plan, 1, `first ${index}`))));
    const lookers = Array.from({ length: 4 }, () => machine('home'));
    const views = await Promise.all(lookers.map(({ runs }) => runs.events(plan.runId)));
    for (const events of views) expect(texts(events)).toHaveLength(30);
    const file = path.join(dir, 'home', 'runs', plan.runId, 'events.jsonl');
    // As a crash in the middle of a copy leaves it.
    const lines = (await readFile(file, 'utf8')).split('\n');
    const { truncate } = await import('node:fs/promises');
    await truncate(file, Buffer.byteLength(`${lines.slice(0, 17).join('\n')}\n`) + 20);
    const after = await machine('home').runs.events(plan.runId);
    expect(texts(after)).toEqual(Array.from({ length: 30 }, (_, index) => `first ${index}`));
  });

  it('brings its replies and its changed plan along, so that it can be read without the store', async () => {
    const [home, worker] = [machine('home'), machine('worker')];
    const plan = await sharedPlan(home);
    const { runId } = plan;
    const reply = await worker.sharing.blobs.put({ said: 'Something.' });
    const branchId = branchIdSchema.parse('b1');
    const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };
    const result = { step: 1, turn: 1, reply, model: null, stopReason: null, usage, toolCalls: 0, costUsd: null };
    await worker.runs.append({ type: 'step-completed', runId, branchId, at, result });
    const third = { ...plan.branches[0]!, branchId: branchIdSchema.parse('b3'), name: 'three' };
    await worker.runs.amend({ ...plan, branches: [...plan.branches, third] });
    await worker.runs.append({ type: 'branch-added', runId, branchId: third.branchId, at });
    expect(await home.runs.events(runId)).toHaveLength(2);
    await rm(path.join(dir, 'store'), { recursive: true });
    expect(await home.blobs.get(reply)).toEqual({ said: 'Something.' });
    expect((await home.runs.plan(runId)).branches).toHaveLength(3);
  });

  it('tells those who watch, also when it goes on after its end', async () => {
    const [home, worker] = [machine('home'), machine('worker')];
    const heard: string[] = [];
    const watching = home.runs.watch((runId) => heard.push(runId));
    const plan = await sharedPlan(home);
    const { runId } = plan;
    const grows = async (event: BranchEvent, by: Machine) => {
      heard.length = 0;
      await by.runs.append(event);
      await expect.poll(() => heard, { timeout: 5_000 }).toContain(runId);
    };
    await grows({ type: 'run-started', runId, at, attempt: 1 }, worker);
    await grows({ type: 'run-ended', runId, at, state: 'failed' }, worker);
    await grows({ type: 'branch-reset', runId, branchId: branchIdSchema.parse('b1'), at, reason: 'retry' }, home);
    await grows({ type: 'run-started', runId, at, attempt: 2 }, worker);
    watching.dispose();
    expect((await home.runs.events(runId)).map(({ type }) => type)).toEqual([
      'run-started',
      'run-ended',
      'branch-reset',
      'run-started',
    ]);
  });

  it('is deleted everywhere, and one of this machine alone stays out of the store', async () => {
    const home = machine('home');
    const plan = await sharedPlan(home);
    await home.runs.append(note(plan, 1, 'shared'));
    const own = await storePlan(home, { engine: 'temporal', branches: [{ name: 'own' }] });
    await home.runs.append(note(own, 1, 'own'));
    expect(await home.sharing.isShared(own.runId)).toBe(false);
    expect(await readdir(path.join(dir, 'store', 'runs'))).toEqual([plan.runId]);
    await home.runs.delete(plan.runId);
    expect(await readdir(path.join(dir, 'store', 'runs'))).toEqual([]);
    await expect(machine('worker').runs.plan(plan.runId)).rejects.toMatchObject({ code: 'not_found' });
    expect(texts(await home.runs.events(own.runId))).toEqual(['own']);
  });
});

describe('with the key of the payload codec', () => {
  it('leaves no word in the store, and reads only with the key', async () => {
    key = { key: randomBytes(32).toString('base64'), keyId: 'one' };
    const home = machine('home');
    const plan = await sharedPlan(home, ['swordfish']);
    await home.runs.append(note(plan, 1, 'said swordfish'));
    const store = path.join(dir, 'store');
    const files = (await readdir(store, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
    expect(files.length).toBeGreaterThan(3);
    for (const { parentPath, name } of files) {
      const bytes = await readFile(path.join(parentPath, name));
      expect(bytes.includes('swordfish'), name).toBe(false);
      expect(bytes.includes('messages'), name).toBe(false);
    }
    const worker = machine('worker');
    expect(texts(await worker.runs.events(plan.runId))).toEqual(['said swordfish']);
    const request = plan.branches[0]!.request;
    expect(JSON.stringify(await worker.sharing.blobs.get(request))).toContain('swordfish');
    await expect(machine('other', null).runs.events(plan.runId)).rejects.toMatchObject({ code: 'encryption' });
    const stranger = machine('stranger', { key: randomBytes(32).toString('base64'), keyId: 'one' });
    await expect(stranger.runs.events(plan.runId)).rejects.toMatchObject({ code: 'encryption' });
    // A new key, and the old one kept: both are read.
    const rotated = machine('rotated', {
      ...key,
      key: randomBytes(32).toString('base64'),
      keyId: 'two',
      olderKeys: `one:${key.key}`,
    });
    await rotated.runs.append(note(plan, 1, 'later'));
    expect(texts(await rotated.runs.events(plan.runId))).toEqual(['said swordfish', 'later']);
  });
});
