import * as z from 'zod';
import type { CheckResult } from '../../agent/agentFacts.ts';
import type { Place } from '../../agent/agentPorts.ts';
import type { CheckSpec } from '../../agent/agentSettings.ts';
import { canonicalJson } from '../../canonicalJson.ts';
import { messageOf } from '../../errors.ts';
import type { CacheLimits } from '../../fork/cacheLimits.ts';
import type { ForkPlan } from '../../fork/forkPlan.ts';
import type { CheckKey } from '../checkCache.ts';
import type { AgentWorkDeps } from './agentWork.ts';

const outputSchema = z.object({ text: z.string() });

type Env = Readonly<Record<string, string>>;

/**
 * Runs a check, or takes what it came to before in a place of the very same state, where the run's plan says so. What can't be known
 * of the place, or of what set-up commands did elsewhere, is never taken for equal; and a check that leaves something in its place is
 * not kept, for the next one may need it. The cache never fails a check.
 * @param own what tells branches apart in its environment; not a part of what must be equal
 * @param note told in a sentence where the cache can't be read or written
 */
export async function cachedCheck(
  place: Place,
  spec: CheckSpec,
  { plan, own, note }: { plan: ForkPlan; own: Env; note: (text: string) => void },
  deps: AgentWorkDeps,
  signal: AbortSignal,
): Promise<CheckResult> {
  const common = deps.commandEnv();
  const run = () => deps.checks.run(place, spec, { ...common, ...own }, signal);
  const { agent, cache: limits } = plan;
  const { checkCache } = deps;
  if (agent?.cacheChecks !== true || agent.setup.length > 0 || limits === undefined || checkCache === undefined)
    return run();
  const quiet = <T>(value: Promise<T>): Promise<T | null> =>
    value.catch((error: unknown) => {
      note(messageOf(error));
      return null;
    });
  const state = await quiet(place.state());
  if (state === null) return run();
  const { run: command, timeoutSeconds } = spec;
  const key: CheckKey = { state, environment: deps.sha256(canonicalJson(common)), run: command, timeoutSeconds };
  const known = await quiet(checkCache.get(key, limits));
  if (known !== null) {
    const { exitCode, ms, text } = known;
    return {
      name: spec.name,
      exitCode,
      passed: exitCode === 0,
      ms,
      output: await deps.blobs.put({ text }),
      cached: true,
    };
  }
  const result = await run();
  if (!signal.aborted) await quiet(keep(place, key, result, limits, deps));
  return result;
}

async function keep(
  place: Place,
  key: CheckKey,
  { exitCode, ms, output }: CheckResult,
  limits: CacheLimits,
  { blobs, checkCache }: AgentWorkDeps,
): Promise<void> {
  if (exitCode === null || output === null || (await place.state()) !== key.state) return;
  const { text } = outputSchema.parse(await blobs.get(output));
  await checkCache?.put(key, { exitCode, ms, text }, limits);
}
