import { messageWithHint, plural } from '../../core/format.ts';
import type { TemporalStatus } from '../../core/run/temporalControl.ts';
import type { EngineState, ShownError } from './protocol.ts';

const thisWindow: EngineState = {
  kind: 'in-process',
  ready: true,
  state: '',
  detail: 'Runs in this window. Closing it interrupts the run; it can be resumed.',
  canStart: false,
};

/** What is known of Temporal: its status, that it is being asked, that it may not be asked yet, or why it can't be. */
export type TemporalKnowledge = TemporalStatus | 'asking' | 'untrusted' | ShownError;

/** The engines as radio buttons. */
export function engineStates(temporal: TemporalKnowledge): EngineState[] {
  return [thisWindow, temporalState(temporal)];
}

function temporalState(known: TemporalKnowledge): EngineState {
  const absent = { kind: 'temporal' as const, ready: false, canStart: false };
  // While it is asked nothing is held against it: the answer is there in a moment.
  if (known === 'asking') return { ...absent, ready: true, state: '', detail: 'Asking whether Temporal is there.' };
  if (known === 'untrusted') {
    return { ...absent, state: 'unknown', detail: 'Temporal is not asked before this workspace is trusted.' };
  }
  if ('code' in known) return { ...absent, state: 'unavailable', detail: messageWithHint(known) };
  const where = `Temporal on ${known.server.address}`;
  if (known.server.state === 'starting')
    return { ...absent, state: 'starting', detail: `${where} does not answer yet.` };
  if (known.server.state === 'stopped') {
    return { ...absent, state: 'not running', detail: `${where} isn’t running.`, canStart: true };
  }
  const serving = known.workers.filter(({ state }) => state === 'running').length;
  const by = serving > 0 ? plural(serving, 'worker') : 'a worker starts with the run';
  return {
    ...absent,
    ready: true,
    state: 'ready',
    detail: `${where}, ${by}. The run goes on when this window closes.`,
  };
}
