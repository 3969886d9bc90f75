import type { PlaceId, Teardown } from '../../agent/agentPorts.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { openPlace } from './openPlace.ts';

const secondsEach = 120;

/**
 * Removes a place, its teardown commands awaited. One that fails keeps nobody from removing the place: what the command was to
 * remove may be gone already. Where there is no place nothing happens.
 * @throws PlaceError where a process lives in it
 */
export async function removePlace(
  id: PlaceId,
  deps: Pick<AgentWorkDeps, 'places' | 'checks' | 'commandEnv'>,
  fallback: Teardown | null = null,
): Promise<void> {
  const place = await openPlace(id, deps.places);
  const teardown = place === null ? null : ((await deps.places.teardownOf(id)) ?? fallback);
  if (place !== null && teardown !== null) {
    const env = { ...deps.commandEnv(), ...teardown.env };
    for (const command of teardown.commands) {
      const spec = { name: command, run: command, timeoutSeconds: secondsEach };
      await deps.checks.run(place, spec, env, new AbortController().signal);
    }
  }
  await deps.places.remove(id);
}
