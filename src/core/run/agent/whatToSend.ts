import type { Doubt } from '../../agent/agentFacts.ts';
import type { AgentTurnOrder, Place } from '../../agent/agentPorts.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { continuationPrompt } from './continuationPrompt.ts';
import { inPlace } from './inPlace.ts';
import type { LoadedBranch } from './loadBranch.ts';
import { sortOpenCalls } from './sortOpenCalls.ts';

/** Tries of one prompt: an agent that is lost so often in a row is given up. */
export const maxTries = 3;

/** What a prompt of a branch becomes when it is sent. */
export interface Sending {
  prompt: AgentTurnOrder['prompt'];
  /** Index of the recorded turn that the prompt stands for. */
  turn: number;
  promptsBefore: number;
  /** There is a session to resume. */
  resume: boolean;
  resumed: boolean;
  inDoubt: Doubt[];
  /** It was tried too often already: it must not be sent. */
  isGivenUp: boolean;
}

/** The prompt itself, with the project's files named as they lie in the place, or that the agent is to go on where it was lost in the middle of it. */
export async function whatToSend(
  { agent, chain, prompts, sessionId, own }: LoadedBranch,
  index: number,
  place: Pick<Place, 'projectRoot' | 'toPlace'>,
  deps: Pick<AgentWorkDeps, 'sessions'>,
): Promise<Sending> {
  const planned = prompts.turns[index];
  if (planned === undefined) throw new Error(`The branch has no prompt ${index + 1}.`);
  const { turn, content } = planned;
  const since = own.slice(
    own.findLastIndex(
      (event) => event.type === 'branch-reset' || (event.type === 'agent-turn-ended' && event.turn === turn),
    ) + 1,
  );
  const lost = since.filter((event) => event.type === 'prompt-sent' && event.turn === turn).length;
  const state = await deps.sessions.state(agent.configDir, sessionId, chain);
  const first = own.find((event) => event.type === 'prompt-sent' && event.turn === turn);
  const resumed = first?.type === 'prompt-sent' && state.prompts > first.promptsBefore;
  const calls = sortOpenCalls(resumed ? state.open : [], own);
  return {
    prompt: resumed ? [{ type: 'text', text: continuationPrompt(calls) }] : inPlace(content, place, agent.configDir),
    turn,
    promptsBefore: state.prompts,
    resume: state.file !== null,
    resumed,
    inDoubt: calls.inDoubt,
    isGivenUp: lost >= maxTries,
  };
}
