// src/adapters/limits: what all processes with our data folder keep to so that the API is not asked too much: pauses and slots for
// calls, by key and model. When a pause is due, and how long it is, is src/core/run; a run's own limits are not here.

import path from 'node:path';
import { canonicalJson } from '../../core/canonicalJson.ts';
import type { CallGate, CallPermit, GatedCalls } from '../../core/run/callGate.ts';
import { sha256 } from '../sha256.ts';
import { CallSlots } from './callSlots.ts';
import { SharedPause, type SharedPauseDeps } from './sharedPause.ts';

export interface CallGateOptions extends SharedPauseDeps {
  /** Shared by all processes whose calls count together. */
  folder: string;
  /** Who answers. */
  host: string;
  /** Key and token that calls go out with. Only a hash of them is kept. */
  secrets: () => Promise<readonly (string | undefined)[]>;
  /** Calls of one model with one key that may be under way at once, over all processes. Null: any number. */
  callsPerModel: number | null;
}

interface Scope {
  pause: SharedPause;
  slots: CallSlots | null;
}

/** A gate for all processes that share its folder. What goes wrong with its files is logged and holds no call back. */
export function createCallGate(options: CallGateOptions): CallGate {
  const { folder, host, secrets, callsPerModel, clock, log } = options;
  const scopes = new Map<string, Scope>();

  async function scopeOf({ provider, model }: GatedCalls): Promise<Scope> {
    const hash = sha256(canonicalJson([1, provider, host, model, await secrets()]));
    const place = path.join(folder, hash);
    const scope = scopes.get(hash) ?? {
      pause: new SharedPause(`${place}.json`, options),
      slots: callsPerModel === null ? null : new CallSlots(place, callsPerModel, clock),
    };
    scopes.set(hash, scope);
    return scope;
  }

  async function takeSlot(slots: CallSlots | null, signal: AbortSignal): Promise<() => Promise<void>> {
    try {
      return (await slots?.take(signal)) ?? (async () => {});
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      log('The number of calls under way could not be looked up.', error);
      return async () => {};
    }
  }

  return {
    async enter(calls, signal, onHeld): Promise<CallPermit> {
      const { pause, slots } = await scopeOf(calls);
      const giveBack = await takeSlot(slots, signal);
      const leave = () => giveBack().catch((error: unknown) => log('A call’s slot could not be given back.', error));
      try {
        // Last: the API may ask for a pause while a slot is waited for.
        await pause.over(signal, onHeld);
      } catch (error) {
        await leave();
        throw error;
      }
      return { pause: (ms) => pause.extend(ms), leave };
    },
  };
}
