import type { Executor } from '../core/agent/agentSettings.ts';
import type { AgentPreview } from '../core/fork/agent/agentPreview.ts';
import { describePrefix } from '../core/fork/describePrefix.ts';
import { moneyRange, oneLine, plural, tokenCount } from '../core/format.ts';
import { plainText } from '../core/plainText.ts';
import type { ForkPreview } from '../core/useCases/forkService.ts';
import { shellWord } from './shellWord.ts';

/** What a person must know before requests are sent. */
export interface Sending {
  billed: boolean;
  host: string | null;
  requests: number;
  costUsd: { low: number; high: number } | null;
  executor: Executor;
  /** Set where Claude Code answers a new run. */
  agent: AgentPreview | null;
  /** When it is sent, where that is not now and once: `each time it fires`. */
  when?: string;
}

/** What will be sent: the point, the fidelity, the branches, what they change; who works where on which files. */
export function previewLines(preview: ForkPreview): string[] {
  const missing = preview.missing.length === 0 ? '' : `; missing: ${oneLine(preview.missing.join(', '), 400)}`;
  return [
    `Fork ${oneLine(preview.point.label, 80)} · ${preview.fidelity}${missing}`,
    ...(preview.agent === null ? [] : agentLines(preview.agent)),
    ...preview.branches.flatMap((branch) => branchLines(branch, preview.executor)),
    ...preview.notes.map((note) => oneLine(note, 200)),
  ];
}

function branchLines(branch: ForkPreview['branches'][number], executor: Executor): string[] {
  const times = branch.repeats > 1 ? ` ×${branch.repeats}` : '';
  const tokens =
    branch.estimatedInputTokens === null ? '' : ` · about ${tokenCount(branch.estimatedInputTokens)} tokens`;
  const changes =
    branch.changes.length === 0 ? 'nothing changed' : `changes ${oneLine(branch.changes.join(', '), 200)}`;
  return [
    `  ${oneLine(branch.name, 40)}${times} · ${oneLine(branch.model, 80)}${tokens} · ${changes}`,
    ...[describePrefix(branch.prefix, executor).text, ...branch.notes].map((note) => `    ${oneLine(note, 200)}`),
  ];
}

/** The last line of a dry run: what it may cost, and that nothing was sent. */
export function dryRunEnd(sending: Sending): string {
  const plan = onPlan(sending.agent) ? ', which counts against your plan' : '';
  return `It would be ${whatIsSent(sending)}${plan}. Nothing was sent.`;
}

/** `2 requests to api.anthropic.com, $0.01–0.20` */
export function whatIsSent(sending: Sending): string {
  const { when } = sending;
  return `${sentAtOnce(sending)}${when === undefined ? '' : `, ${when}`}`;
}

function sentAtOnce({ billed, executor, agent, requests, host, costUsd }: Sending): string {
  if (!billed) return `${plural(requests, 'request')} to the demo model, free`;
  if (executor === 'api') return `${plural(requests, 'request')} to ${host ?? 'the API'}, ${moneyRange(costUsd)}`;
  const version = agent?.agent.version == null ? '' : ` ${agent.agent.version}`;
  const where = agent?.place == null ? '' : ` in ${agent.place.kind} places`;
  const cost = onPlan(agent) ? '' : `, ${moneyRange(costUsd)} estimated`;
  return `${plural(requests, 'branch', 'branches')} answered by Claude Code${version}${where}${cost}`;
}

/** A subscription's login: there is no price to name. */
export function onPlan(agent: AgentPreview | null): boolean {
  return agent?.agent.billing === 'subscription';
}

function agentLines({ agent, place, places, files, filesChoice, base, warnings, setupOffers }: AgentPreview): string[] {
  const version = agent.version === null ? '' : ` ${agent.version}`;
  const login = agent.login === null ? '' : ` · ${oneLine(agent.login, 80)}`;
  const known = `${files.exact} exact · ${files.likely} likely · ${files.unknown} not recorded`;
  const from = base === null ? '' : ` · from commit ${base.slice(0, 10)}`;
  return [
    `  Answered by Claude Code${version} (${agent.program})${login}`,
    `  Place: ${place === null ? 'none can be had' : `${place.kind} · ${place.detail}`}`,
    ...(place === null ? places : []).map(({ kind, detail }) => `    ${kind}: ${oneLine(detail, 200)}`),
    `  Files ${filesChoice === 'turn' ? `at this turn · ${known}` : filesChoice}${from}`,
    ...warnings.map((warning) => `    ${oneLine(warning, 200)}`),
    ...setupOffers.map(({ source, commands }) => {
      const options = commands.map((command) => `--setup ${shellWord(plainText(command))}`).join(' ');
      return `  Set-up found in ${oneLine(source, 100)}, not run. To run it: ${options}`;
    }),
  ];
}
