import path from 'node:path';
import { createCallGate } from '../../src/adapters/limits/createCallGate.ts';
import { systemClock } from '../../src/adapters/systemClock.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { CallGate } from '../../src/core/run/callGate.ts';

/**
 * The gate of a window, or of a process, with that data folder and key.
 * @throws from whatever goes wrong with its files
 */
export function windowGate(home: string, apiKey: string, host = 'api.example', clock: Clock = systemClock): CallGate {
  return createCallGate({
    folder: path.join(home, 'limits'),
    host,
    secrets: async () => [apiKey, undefined],
    callsPerModel: null,
    clock,
    random: () => 0.5,
    log: (message, error) => {
      throw new Error(message, { cause: error });
    },
  });
}
