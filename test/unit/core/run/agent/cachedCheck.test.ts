import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCheckCache } from '../../../../../src/adapters/cache/createCheckCache.ts';
import type { AgentPlan } from '../../../../../src/core/agent/agentSettings.ts';
import { branchIdSchema, runIdSchema } from '../../../../../src/core/ids.ts';
import type { AgentWorkDeps } from '../../../../../src/core/run/agent/agentWork.ts';
import { AgentBench } from '../../../../support/agentBench.ts';
import { FakeClock } from '../../../../support/fakeClock.ts';

const clock = new FakeClock();
const check = { name: 'tests', run: 'npm test', timeoutSeconds: 10 };
const signal = () => new AbortController().signal;

describe('a check of a run that uses the result cache', () => {
  let bench: AgentBench;
  let folder: string;
  let ran: string[];
  let exitCode: number | null;
  /** What the check does to its place. */
  let leaves: string | null;
  let env: Record<string, string>;

  const open = async (over: Partial<AgentWorkDeps> = {}): Promise<void> => {
    await bench?.close();
    bench = await AgentBench.open(clock, () => Promise.reject(new Error('No agent.')), {
      checkCache: createCheckCache({ folder, clock }),
      commandEnv: () => env,
      checks: {
        run: async ({ id }, { name, run }) => {
          ran.push(`${id.name} ${run}`);
          if (leaves !== null) bench.machine.state = leaves;
          const output = await bench.blobs.put({ text: 'It was fine.' });
          return { name, exitCode, passed: exitCode === 0, ms: 7, output };
        },
      },
      ...over,
    });
    bench.machine.state = 'equal';
  };
  /** Runs the checks of the fork point of a new run. @returns what the log has of them */
  const checkForkPoint = async (agent: Partial<AgentPlan> = {}) => {
    const plan = await bench.plan({
      runId: runIdSchema.parse(`r-${ran.length}-${Math.random().toString(36).slice(2)}`),
      cache: 'keep',
      agent: { cacheChecks: true, checks: [check], ...agent },
    });
    await bench.work.checkBaselines(plan.runId, signal());
    return { plan, results: (await bench.view(plan)).checks.forkPoint };
  };

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-checks-'));
    [ran, exitCode, leaves, env] = [[], 0, null, { PATH: '/bin' }];
    await open();
  });
  afterEach(async () => {
    await bench.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is taken from an earlier run where all is equal, with what it printed', async () => {
    exitCode = 3;
    await checkForkPoint();
    const { results } = await checkForkPoint();
    expect(ran).toHaveLength(1);
    expect(results).toMatchObject([{ name: 'tests', exitCode: 3, passed: false, ms: 7, cached: true }]);
    expect(await bench.blobs.get(results[0]!.output!)).toEqual({ text: 'It was fine.' });
  });

  it.each<[string, () => void, Partial<AgentPlan>]>([
    ['the place’s state', () => (bench.machine.state = 'other'), {}],
    ['a state that can’t be known', () => (bench.machine.state = null), {}],
    ['the environment', () => (env = { PATH: '/other' }), {}],
    ['the command', () => {}, { checks: [{ ...check, run: 'npm run lint' }] }],
    ['the time limit', () => {}, { checks: [{ ...check, timeoutSeconds: 11 }] }],
    ['a set-up, which may have done something elsewhere', () => {}, { setup: ['true'] }],
    ['a run that asks for no cache', () => {}, { cacheChecks: false }],
    ['an entry that is too old', () => clock.advance(3_600_001), {}],
  ])('is run anew because of %s', async (_, change, agent) => {
    await checkForkPoint();
    change();
    const { results } = await checkForkPoint(agent);
    expect(ran.filter((line) => !line.endsWith(' true'))).toHaveLength(2);
    expect(results[0]?.cached).toBeUndefined();
  });

  it('is not kept where it leaves something in its place, or is ended by its time limit', async () => {
    leaves = 'built';
    await checkForkPoint();
    [leaves, exitCode, bench.machine.state] = [null, null, 'equal'];
    await checkForkPoint();
    exitCode = 0;
    expect((await checkForkPoint()).results[0]?.cached).toBeUndefined();
    expect(ran).toHaveLength(3);
  });

  it('is run all the same where the cache can be neither read nor written, which the branch says', async () => {
    const broken = () => Promise.reject(new Error('The cache is broken.'));
    await open({ checkCache: { get: broken, put: broken } });
    const plan = await bench.plan({ cache: 'keep', agent: { cacheChecks: true, checks: [check] } });
    const ref = { runId: plan.runId, branchId: branchIdSchema.parse('b1') };
    await bench.work.prepare(ref, signal());
    await bench.work.finish({ ...ref, checks: true }, signal());
    const [branch] = (await bench.view(plan)).branches;
    expect(branch).toMatchObject({ checks: [{ passed: true }], notes: ['The cache is broken.'] });
  });
});
