import type { Executor } from '../core/agent/agentSettings.ts';
import { BadInputError, NotConfirmedError } from '../core/errors.ts';
import type { AgentPreview } from '../core/fork/agent/agentPreview.ts';
import { describePrefix } from '../core/fork/describePrefix.ts';
import { moneyRange, oneLine, plural, tokenCount } from '../core/format.ts';
import { plainText } from '../core/plainText.ts';
import type { ForkPreview } from '../core/useCases/forkService.ts';
import type { CliContext } from './context.ts';
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
}

/** Says what will be sent, on stderr: the point, the fidelity, the branches, what they change. */
export function describePreview(context: CliContext, preview: ForkPreview): void {
  const { terminal } = context;
  const missing = preview.missing.length === 0 ? '' : `; missing: ${oneLine(preview.missing.join(', '), 400)}`;
  terminal.note(`Fork ${oneLine(preview.point.label, 80)} · ${preview.fidelity}${missing}`);
  if (preview.agent !== null) describeAgents(context, preview.agent);
  for (const branch of preview.branches) {
    const times = branch.repeats > 1 ? ` ×${branch.repeats}` : '';
    const tokens =
      branch.estimatedInputTokens === null ? '' : ` · about ${tokenCount(branch.estimatedInputTokens)} tokens`;
    const { text: prefix } = describePrefix(branch.prefix);
    const changes =
      branch.changes.length === 0 ? 'nothing changed' : `changes ${oneLine(branch.changes.join(', '), 200)}`;
    terminal.note(`  ${oneLine(branch.name, 40)}${times} · ${oneLine(branch.model, 80)}${tokens} · ${changes}`);
    terminal.note(`    ${oneLine(prefix, 200)}`);
    for (const note of branch.notes) terminal.note(`    ${oneLine(note, 200)}`);
  }
  for (const note of preview.notes) terminal.note(oneLine(note, 200));
}

function whatIsSent({ executor, agent, requests, host, costUsd }: Sending): string {
  if (executor === 'api') return `${plural(requests, 'request')} to ${host ?? 'the API'}, ${moneyRange(costUsd)}`;
  const version = agent?.agent.version == null ? '' : ` ${agent.agent.version}`;
  const where = agent?.place == null ? '' : ` in ${agent.place.kind} places`;
  const cost = onPlan(agent) ? '' : `, ${moneyRange(costUsd)} estimated`;
  return `${plural(requests, 'branch', 'branches')} answered by Claude Code${version}${where}${cost}`;
}

function onPlan(agent: AgentPreview | null): boolean {
  return agent?.agent.billing === 'subscription';
}

/** Says who works where on which files, on stderr. */
function describeAgents(
  { terminal }: CliContext,
  { agent, place, places, files, filesChoice, base, warnings, setupOffers }: AgentPreview,
): void {
  const version = agent.version === null ? '' : ` ${agent.version}`;
  const login = agent.login === null ? '' : ` · ${oneLine(agent.login, 80)}`;
  terminal.note(`  Answered by Claude Code${version} (${agent.program})${login}`);
  terminal.note(`  Place: ${place === null ? 'none can be had' : `${place.kind} · ${place.detail}`}`);
  for (const { kind, detail } of place === null ? places : []) terminal.note(`    ${kind}: ${oneLine(detail, 200)}`);
  const known = `${files.exact} exact · ${files.likely} likely · ${files.unknown} not recorded`;
  const from = base === null ? '' : ` · from commit ${base.slice(0, 10)}`;
  terminal.note(`  Files ${filesChoice === 'turn' ? `at this turn · ${known}` : filesChoice}${from}`);
  for (const warning of warnings) terminal.note(`    ${oneLine(warning, 200)}`);
  for (const { source, commands } of setupOffers) {
    const options = commands.map((command) => `--setup ${shellWord(plainText(command))}`).join(' ');
    terminal.note(`  Set-up found in ${oneLine(source, 100)}, not run. To run it: ${options}`);
  }
}

function noPlace({ places }: AgentPreview): BadInputError {
  const others = places.filter(({ available }) => available).map(({ kind }) => `--place ${kind}`);
  const reasons = places.filter(({ available }) => !available).map(({ kind, detail }) => `${kind}: ${detail}`);
  return new BadInputError(
    `No such place can be had. ${oneLine(reasons.join(' '), 600)}`,
    others.length > 0 ? `Take another: ${others.join(' or ')}.` : 'Run it with the Messages API: --executor api.',
    { path: 'place' },
  );
}

/** @throws BadInputError for an address, a key or a proxy that nothing can be sent with */
async function checkConnection(): Promise<void> {
  const { ANTHROPIC_BASE_URL: address, ANTHROPIC_API_KEY: key, ANTHROPIC_AUTH_TOKEN: token } = process.env;
  const { checkedAddress, checkedSecret } = await import('../adapters/anthropic/checkConnection.ts');
  const { proxiesOf } = await import('../adapters/anthropic/proxiedFetch.ts');
  if (address) checkedAddress(address);
  checkedSecret(key, 'ANTHROPIC_API_KEY');
  checkedSecret(token, 'ANTHROPIC_AUTH_TOKEN');
  proxiesOf(process.env);
}

/**
 * Nothing costs money without a yes: asks where a person can answer, else wants `--yes`.
 * @throws NotConfirmedError, BadInputError where no key is set, or no place can be had
 */
export async function confirmSending(context: CliContext, sending: Sending): Promise<void> {
  if (sending.agent?.place === null) throw noPlace(sending.agent);
  if (!sending.billed) return;
  if (sending.executor === 'api') await checkConnection();
  if (sending.executor === 'api' && !process.env.ANTHROPIC_API_KEY && !process.env.ANTHROPIC_AUTH_TOKEN) {
    const hint =
      'Set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN, install Claude Code or name it (--claude PATH, FORKPOINT_CLAUDE), or try --demo, which sends nothing.';
    throw new BadInputError('No API key is set.', hint, { path: 'ANTHROPIC_API_KEY' });
  }
  const what = whatIsSent(sending);
  const isAgent = sending.executor === 'claude-code';
  if (context.options.yes === true) return context.terminal.note(`${isAgent ? 'Starting' : 'Sending'} ${what}.`);
  const costs = onPlan(sending.agent) ? 'This counts against your plan' : 'This costs money';
  if (!context.terminal.interactive) {
    const hint = isAgent ? 'Add --yes to agree.' : 'Add --yes to agree, or --demo to try without the API.';
    throw new NotConfirmedError(`${costs}: ${what}.`, hint, { ...sending });
  }
  if (!(await context.terminal.confirm(`${costs}: ${what}. Go on?`, context.interrupted))) {
    throw new NotConfirmedError('Nothing was sent.', 'Run it again and answer y, or add --yes.');
  }
}
