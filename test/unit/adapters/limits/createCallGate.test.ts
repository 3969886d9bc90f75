import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CallGateOptions, createCallGate } from '../../../../src/adapters/limits/createCallGate.ts';
import { systemClock } from '../../../../src/adapters/systemClock.ts';
import type { CallGate, CallPermit, GatedCalls } from '../../../../src/core/run/callGate.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

/** A clock whose time of day can be set. */
class SettableClock extends FakeClock {
  ahead = 0;

  override now(): number {
    return super.now() + this.ahead;
  }
}

const key = 'sk-ant-marked';
const calls: GatedCalls = { provider: 'anthropic', model: 'claude-opus-4-8' };
const never = new AbortController().signal;

let folder: string;
let clock: SettableClock;
let logged: string[];

beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(tmpdir(), 'forkpoint-limits-')), 'limits');
  clock = new SettableClock();
  logged = [];
  return () => rm(path.dirname(folder), { recursive: true });
});

/** What a window has: gates on one folder know one another by nothing but it. */
function window(own: Partial<CallGateOptions> = {}): CallGate {
  return createCallGate({
    folder,
    host: 'api.example',
    secrets: async () => [key, undefined],
    callsPerModel: null,
    clock,
    random: () => 0,
    log: (message) => logged.push(message),
    ...own,
  });
}

const enter = (gate: CallGate, of = calls): Promise<CallPermit> => gate.enter(of, never);

/** Milliseconds for which a call is held back at first. */
async function heldBackMs(gate: CallGate, of = calls): Promise<number> {
  const given = new AbortController();
  const entering = gate.enter(of, given.signal).then(
    () => 'let through',
    () => 'held back',
  );
  await expect.poll(async () => clock.waits.length > 0 || (await settled(entering))).toBe(true);
  const [wait = 0] = clock.waits;
  given.abort();
  expect(await entering).toBe(wait === 0 ? 'let through' : 'held back');
  return wait;
}

async function settled(work: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open');
  return (await Promise.race([work, new Promise((resolve) => setImmediate(resolve, open))])) !== open;
}

async function pauseFile(): Promise<string> {
  const [name = 'none'] = await readdir(folder);
  return path.join(folder, name);
}

describe('a pause', () => {
  it('holds the calls of the same model and key back in every window, and no others', async () => {
    const one = window();
    await (await enter(one)).pause(60_000);
    clock.advance(10_000);
    expect(await heldBackMs(one)).toBe(50_000);
    expect(await heldBackMs(window())).toBe(50_000);
    expect(await heldBackMs(window(), { ...calls, model: 'claude-haiku-4-5' })).toBe(0);
    expect(await heldBackMs(window({ secrets: async () => ['sk-ant-other', undefined] }))).toBe(0);
    expect(await heldBackMs(window({ host: 'elsewhere.example' }))).toBe(0);
    clock.advance(50_000);
    expect(await heldBackMs(window())).toBe(0);
    expect(`${await pauseFile()} ${await readFile(await pauseFile(), 'utf8')}`).not.toContain('marked');
  });

  it('lets calls leave spread over a moment', async () => {
    await (await enter(window())).pause(1_000);
    expect(await heldBackMs(window({ random: () => 0.5 }))).toBe(1_125);
  });

  it('is made longer by any window, in mid-wait too, and shorter by none', async () => {
    const [one, other] = [window(), window()];
    const [first, second] = [await enter(one), await enter(other)];
    await first.pause(20_000);
    await second.pause(5_000);
    expect(await heldBackMs(window())).toBe(20_000);
    const waiting = enter(window());
    await expect.poll(() => clock.waits).toEqual([20_000]);
    await second.pause(30_000);
    clock.advance(20_000);
    await expect.poll(() => clock.waits).toEqual([10_000]);
    clock.advance(10_000);
    await waiting;
    expect(logged).toEqual([]);
  });

  it('is never longer than the longest that a call waits', async () => {
    await (await enter(window())).pause(86_400_000);
    expect(await heldBackMs(window())).toBe(300_000);
  });

  it('goes by no clock that is set anew meanwhile', async () => {
    const one = window();
    await (await enter(one)).pause(60_000);
    const other = window();
    expect(await heldBackMs(other)).toBe(60_000);
    clock.advance(30_000);
    clock.ahead = -20_000;
    expect(await heldBackMs(other)).toBe(30_000);
    for (clock.ahead of [-3_600_000, 3_600_000]) {
      expect(await heldBackMs(one)).toBe(30_000);
      expect(await heldBackMs(other)).toBe(30_000);
      // Whoever reads it only now can't tell how much is left.
      expect(await heldBackMs(window())).toBe(0);
    }
  });

  it.each([
    ['cut short', (text: string) => text.slice(0, -3)],
    ['of another form', () => '{"until":1}'],
    ['longer than any that we write', (text: string) => text.replace('60000', '86400000')],
    ['begun in the future', (text: string) => text.replace(/"at":\d+/, '"at":9999999999999')],
  ])('holds nothing back where its file is %s', async (_what, damage) => {
    await (await enter(window())).pause(60_000);
    const file = await pauseFile();
    const text = await readFile(file, 'utf8');
    const damaged = damage(text);
    expect(damaged).not.toBe(text);
    await writeFile(file, damaged);
    expect(await heldBackMs(window())).toBe(0);
    await (await enter(window())).pause(1_000);
    expect(await heldBackMs(window())).toBe(1_000);
  });

  it('holds for one window where it can’t be shared, which says so', async () => {
    await writeFile(folder, 'in its place');
    const one = window();
    await (await enter(one)).pause(60_000);
    expect(await heldBackMs(one)).toBe(60_000);
    expect(await heldBackMs(window())).toBe(0);
    expect(logged).toEqual(['A pause that the API asks for could not be shared with other windows.']);
  });
});

describe('the limit of calls', () => {
  const limited = (callsPerModel = 2): CallGate => window({ callsPerModel, clock: systemClock });

  it('counts those of all windows, by model', async () => {
    const [one, other] = [limited(), limited()];
    const permits = [await enter(one), await enter(other)];
    const third = enter(one);
    const fourth = enter(other);
    await enter(other, { ...calls, model: 'claude-haiku-4-5' });
    // Long enough for several looks.
    await systemClock.sleep(250);
    expect([await settled(third), await settled(fourth)]).toEqual([false, false]);
    await permits[0]?.leave();
    await Promise.race([third, fourth]);
    await permits[1]?.leave();
    for (const permit of [await third, await fourth]) await permit.leave();
  });

  it('gives the slot back of a call that is cancelled while it is held back', async () => {
    const gate = limited(1);
    const permit = await enter(gate);
    const cancelled = new AbortController();
    const waiting = gate.enter(calls, cancelled.signal);
    cancelled.abort(new Error('cancelled'));
    await expect(waiting).rejects.toThrow('cancelled');
    await permit.pause(60_000);
    await permit.leave();
    const late = new AbortController();
    const paused = gate.enter(calls, late.signal);
    await systemClock.sleep(50);
    late.abort(new Error('cancelled late'));
    await expect(paused).rejects.toThrow('cancelled late');
    expect((await readdir(folder)).length).toBe(2);
    const [slots = ''] = (await readdir(folder)).filter((name) => !name.endsWith('.json'));
    expect(await readdir(path.join(folder, slots))).toEqual([]);
  });

  it('holds nothing back where its files can’t be written', async () => {
    await writeFile(folder, 'in its place');
    await (await enter(limited(1))).leave();
    await enter(limited(1));
    expect(logged).toContain('The number of calls under way could not be looked up.');
  });
});
