import * as z from 'zod';
import type { CheckResult, FailedTeardown } from '../../agent/agentFacts.ts';
import type { Place, PlaceId, Teardown } from '../../agent/agentPorts.ts';
import { messageOf } from '../../errors.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { openPlace } from './openPlace.ts';

const secondsEach = 120;

const printedSchema = z.object({ text: z.string() });

type RemovalDeps = Pick<AgentWorkDeps, 'places' | 'checks' | 'commandEnv' | 'blobs' | 'keepOutput'>;

/**
 * Removes a place, its teardown commands awaited. One that fails, or takes too long, keeps nobody from removing the place: what
 * the command was to remove may be gone already. Where there is no place nothing happens.
 * @returns the commands that failed
 * @throws PlaceError where a process lives in it: then the place stays
 */
export async function removePlace(
  id: PlaceId,
  deps: RemovalDeps,
  fallback: Teardown | null = null,
): Promise<FailedTeardown[]> {
  const place = await openPlace(id, deps.places);
  const teardown = place === null ? null : ((await deps.places.teardownOf(id)) ?? fallback);
  const failed = place === null || teardown === null ? [] : await tearDown(place, teardown, deps);
  await deps.places.remove(id);
  return failed;
}

/** The same where the run is there to say so: what failed is in its log. */
export async function removePlaceOf(id: PlaceId, deps: RemovalDeps & Pick<AgentWorkDeps, 'runs' | 'clock'>) {
  for (const failed of await removePlace(id, deps)) {
    const at = new Date(deps.clock.now()).toISOString();
    await deps.runs.append({ type: 'teardown-failed', runId: id.runId, at, failed });
  }
}

async function tearDown(place: Place, teardown: Teardown, deps: RemovalDeps): Promise<FailedTeardown[]> {
  const env = { ...deps.commandEnv(), ...teardown.env };
  const failed: FailedTeardown[] = [];
  for (const command of teardown.commands) {
    const spec = { name: command, run: command, timeoutSeconds: secondsEach };
    const ended = await deps.checks.run(place, spec, env, new AbortController().signal).catch(messageOf);
    if (typeof ended !== 'string' && ended.passed) continue;
    const exitCode = typeof ended === 'string' ? null : ended.exitCode;
    const said = typeof ended === 'string' ? ended : await printed(ended.output, deps);
    // Where it can't be kept the place goes all the same: it may be what fills the disk.
    const output = await deps.keepOutput(place.id, failed.length + 1, said).catch(() => null);
    failed.push({ place: place.id.name, command, exitCode, output });
  }
  return failed;
}

async function printed(output: CheckResult['output'], { blobs }: RemovalDeps): Promise<string> {
  const kept = output === null ? null : await blobs.get(output).catch(() => null);
  return printedSchema.safeParse(kept).data?.text ?? '';
}
