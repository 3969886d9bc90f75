import { chosenSecret } from '../core/api/apiSecret.ts';
import { BadInputError, NotConfirmedError } from '../core/errors.ts';
import type { AgentPreview } from '../core/fork/agent/agentPreview.ts';
import { oneLine } from '../core/format.ts';
import type { CliContext } from './context.ts';
import { onPlan, type Sending, whatIsSent } from './previewLines.ts';

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
  const { proxiesOf } = await import('../adapters/proxiedFetch.ts');
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
  if (sending.executor === 'api' && chosenSecret(undefined, process.env) === null) {
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
