import type { FoundAgent } from '../../core/agent/agentPorts.ts';
import { AgentError, type ForkpointError } from '../../core/errors.ts';
import { messageWithHint, sentence } from '../../core/format.ts';
import { plainText } from '../../core/plainText.ts';
import type { ForkPreview } from '../../core/useCases/forkService.ts';
import { agentName, loginFact } from '../agentTexts.ts';
import type { Answerer, Blocked, Step } from './protocol.ts';

/** What is known of Claude Code on this machine: it, that there is none, that it is being looked for or may not be. */
export type AgentKnowledge = FoundAgent | null | 'asking' | 'untrusted';

const steps = {
  setApiKey: { do: 'setApiKey', label: 'Set API Key…' },
  findClaude: { do: 'findClaude', label: 'Locate Claude Code…' },
  trust: { do: 'trust', label: 'Manage Workspace Trust' },
  useApi: { do: 'useApi', label: 'Use the Messages API' },
  useClaude: { do: 'useClaude', label: 'Use Claude Code' },
} as const satisfies Record<Step['do'], Step>;

/** Who can answer, as radio buttons. */
export function answerers(agent: AgentKnowledge): Answerer[] {
  return [
    claudeCode(agent),
    {
      executor: 'api',
      label: 'Messages API, nothing is executed',
      detail:
        'The same request with another model, prompt or setting. Tool calls get their recorded results; your API key is billed.',
    },
  ];
}

function claudeCode(agent: AgentKnowledge): Answerer {
  const really = 'Your own Claude Code goes on with the conversation and really uses its tools.';
  const own = { executor: 'claude-code' as const, label: 'Claude Code, in a copy of its own' };
  if (agent === 'asking') return { ...own, detail: really };
  if (agent === 'untrusted')
    return { ...own, detail: `${really} It is not looked for before this workspace is trusted.` };
  if (agent === null) return { ...own, label: 'Claude Code (not found)', detail: notFound };
  const { text } = loginFact(agent);
  return { ...own, label: `${agentName(agent)}, in a copy of its own`, detail: `${really}\n${text}` };
}

const notFound =
  'Claude Code was not found on this machine. Install it, or name the program in the setting forkpoint.claudePath.';

/** Before the workspace is trusted no program is searched for, so nothing is known of agents. */
export const blockedByTrust: Blocked = {
  message: 'Claude Code runs only in a trusted workspace.',
  steps: [steps.trust, steps.useApi],
};

/** Why planning failed where no agent can be had, null where it failed for another reason. */
export function blockedByError(error: ForkpointError, agent: AgentKnowledge): Blocked | null {
  if (!(error instanceof AgentError)) return null;
  const missing = agent === null;
  return {
    message: missing ? sentence(plainText(error.message)) : plainText(messageWithHint(error)),
    steps: [...(missing ? [steps.findClaude] : []), steps.useApi],
  };
}

/** Why what was planned can't be run, null where it can. @param hasKey whether an API key is set */
export function blockedOf(preview: ForkPreview, hasKey: boolean, agent: AgentKnowledge): Blocked | null {
  if (preview.agent !== null) {
    if (preview.agent.place !== null) return null;
    const { places } = preview.agent;
    const reasons = places
      .filter(({ available }) => !available)
      .map((each) => `${each.kind}: ${plainText(each.detail)}`);
    const others = places.some(({ available }) => available);
    const why = others
      ? 'This kind of place can’t be had: choose another.'
      : 'There is no place for an agent to work in.';
    return {
      message: `${why} ${reasons.join(' ')}`.trim(),
      steps: [steps.useApi],
    };
  }
  if (!preview.billed || hasKey) return null;
  const found = agent !== null && typeof agent === 'object';
  return {
    message: `There is no API key for ${plainText(preview.host ?? 'the API')}.`,
    steps: [steps.setApiKey, ...(found ? [steps.useClaude] : [])],
  };
}
