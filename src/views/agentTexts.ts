import type { FoundAgent } from '../core/agent/agentPorts.ts';
import type { PermissionPolicy, PlaceKind } from '../core/agent/agentSettings.ts';
import type { AgentPreview } from '../core/fork/agent/agentPreview.ts';
import { modelName, moneyRange, oneLine, plural, tokenCount } from '../core/format.ts';
import type { ForkPreview } from '../core/useCases/forkService.ts';

/** A few words and the sentence behind them. */
export interface AgentFact {
  text: string;
  tooltip: string;
}

/** `Claude Code 2.1.329`. */
export function agentName({ version }: Pick<FoundAgent, 'version'>): string {
  return ['Claude Code', version === null ? '' : oneLine(version, 30)].filter(Boolean).join(' ');
}

/** Why an agent may not go on without asking, by where it works. */
export const bypassOnlyApart =
  'Agents may go on without asking only in an overlay or inside a container: elsewhere nothing keeps a command out of your own files.';

/** Who is asked for what Claude Code doesn't allow by itself. */
export const permissionTexts: Readonly<Record<PermissionPolicy, string>> = {
  ask: 'asks you for what isn’t allowed',
  deny: 'what isn’t allowed is denied',
  bypass: 'asks nothing: every command runs',
};

const placeTexts: Readonly<Record<PlaceKind, string>> = {
  overlay: 'overlay at',
  copy: 'copy of',
  worktree: 'worktree of',
};

/** What a kind of place is, for menus. */
export const placeNames: Readonly<Record<PlaceKind, string>> = {
  overlay: 'overlay: copy-on-write, at the recorded path',
  copy: 'copy: cloned files, at another path',
  worktree: 'worktree: a git checkout, at another path',
};

/** `overlay at ~/shop`, with what follows from it and why a better one can't be had. */
export function placeFact({ place, places, folder }: AgentPreview): AgentFact {
  const reasons = places.filter(({ available }) => !available).map(({ kind, detail }) => `No ${kind}: ${detail}`);
  if (place === null) return { text: 'no place to work in', tooltip: oneLines(reasons) };
  const better = places.slice(0, places.indexOf(place)).filter(({ available }) => !available);
  return {
    text: `${placeTexts[place.kind]} ${shortPath(folder)}`,
    tooltip: oneLines([
      oneLine(folder, 300),
      place.detail,
      ...better.map(({ kind, detail }) => `No ${kind}: ${detail}`),
    ]),
  };
}

/** How Claude Code is logged in, and what follows for the bill. */
export function loginFact({ login, billing, program, from }: FoundAgent): AgentFact {
  // "API key: billed to your API key" would say it twice.
  const how = login === null || (billing === 'api' && /^API key$/i.test(login)) ? '' : oneLine(login, 60);
  const follows = {
    subscription: 'counts against your plan',
    api: 'billed to your API key',
    none: 'Claude Code doesn’t say how it is logged in',
  }[billing ?? 'none'];
  const text = [how, follows].filter(Boolean).join(': ');
  return { text, tooltip: oneLines([`As ${program} says itself (found by: ${from}).`]) };
}

/** `12 exact · 1 likely · 2 not recorded`; null where nothing recorded is put back. */
export function filesFact({ files, filesChoice, base, warnings }: AgentPreview): AgentFact | null {
  const from = base === null ? '' : `from commit ${base.slice(0, 10)}`;
  if (filesChoice !== 'turn') return from === '' ? null : { text: from, tooltip: 'Files of that commit.' };
  const counts = [
    `${files.exact} exact`,
    files.likely > 0 ? `${files.likely} likely` : '',
    files.unknown > 0 ? `${files.unknown} not recorded` : '',
  ].filter(Boolean);
  const none = files.exact + files.likely + files.unknown === 0;
  return {
    text: [none ? 'none were changed before' : counts.join(' · '), from].filter(Boolean).join(' · '),
    tooltip: oneLines([
      'Files that the session touched, as they were at the fork point. Exact: byte by byte. Likely: nothing recorded speaks against it.',
      'Not recorded: changed by shell commands, so they stay as they are now.',
      ...warnings,
    ]),
  };
}

/** What a run of agents is, in the order of the bar: who, with what, where, how much. */
export function agentFacts(preview: ForkPreview, agent: AgentPreview): AgentFact[] {
  const { program, from } = agent.agent;
  return [
    {
      text: plural(preview.requests, 'agent'),
      tooltip: 'Each branch is a session of Claude Code of its own, which really uses its tools.',
    },
    { text: agentName(agent.agent), tooltip: oneLines([program, `Found by: ${from}.`]) },
    placeFact(agent),
    tokensFact(preview),
    costFact(preview, agent.agent),
  ];
}

/** A run of agents in one line. */
export function agentLine(preview: ForkPreview, agent: AgentPreview): string {
  return agentFacts(preview, agent)
    .map(({ text }) => text)
    .join(' · ');
}

function tokensFact({ branches }: ForkPreview): AgentFact {
  const known = branches.map(({ estimatedInputTokens }) => estimatedInputTokens).filter((tokens) => tokens !== null);
  const tooltip =
    'Input of each agent’s first request, estimated from the recording. What it reads and writes comes on top.';
  if (known.length === 0) return { text: 'input tokens unknown', tooltip };
  const each = branches.length > 1 || (branches[0]?.repeats ?? 1) > 1 ? ' each' : '';
  return { text: `about ${tokenCount(Math.max(...known))} tokens${each} to begin`, tooltip };
}

function costFact({ billed, costUsd, unpriced }: ForkPreview, { billing, login }: FoundAgent): AgentFact {
  if (!billed) return { text: 'not billed', tooltip: 'The demo model runs on this machine.' };
  if (billing === 'subscription') {
    const plan = login === null ? 'a subscription' : oneLine(login, 60);
    return {
      text: 'counts against your plan',
      tooltip: `Claude Code is logged in with ${plan}: nothing is billed by the token, but usage limits count.`,
    };
  }
  const whose =
    billing === 'api'
      ? 'Billed to the key that Claude Code uses.'
      : 'Whether it is billed or counts against a plan isn’t known.';
  const unknown = unpriced.length > 0 ? `No price is known for ${unpriced.map(modelName).join(', ')}.` : '';
  return {
    text: costUsd === null ? moneyRange(null) : `${moneyRange(costUsd)} estimated`,
    tooltip: oneLines([
      whose,
      costUsd === null ? unknown : 'Estimated from the recorded turn’s tokens; an agent may take more or fewer steps.',
    ]),
  };
}

/** A path as a person writes it: with `~` for the home folder. */
export function shortPath(path: string, home: string | undefined = homeFolder()): string {
  const below = home ? path.slice(home.length) : '';
  const inside = home && path.startsWith(home) && (below === '' || /^[\\/]/.test(below));
  return oneLine(inside ? `~${below}` : path, 120);
}

function homeFolder(): string | undefined {
  return process.env['HOME'] ?? process.env['USERPROFILE'];
}

function oneLines(texts: readonly string[]): string {
  return texts
    .filter((text) => text !== '')
    .map((text) => oneLine(text, 400))
    .join('\n');
}
