import type { Failure } from '../failure.ts';
import type { AgentTurnEnd } from './agentPorts.ts';
import type { AssistantLine, RateLimit, ResultLine } from './streamProtocol.ts';

/** What was seen in the course of a turn and says how it ended. */
export interface TurnFacts {
  /** Of the agent's last reply. */
  stopReason: string | null;
  /** The message that stands for the API's last error, null where the last message was a reply. */
  apiError: AssistantLine | null;
  /** What the account's limits were when they were told last. */
  rateLimit: RateLimit | null;
  /** US dollars since the turn began, null where none are reported. */
  costUsd: number | null;
}

const loginHint = 'Run “claude” in a terminal and log in (/login), then run Retry Failed.';

/** By Claude Code's own kind of error. */
const failures = new Map<string, { code: string; hint: string }>(
  Object.entries({
    authentication_failed: { code: 'authentication', hint: loginHint },
    oauth_org_not_allowed: { code: 'authentication', hint: loginHint },
    billing_error: { code: 'permission', hint: 'Check the account’s credit, or log in with another account (/login).' },
    rate_limit: { code: 'rate_limited', hint: 'Run Retry Failed later, or run fewer branches at once.' },
    overloaded: { code: 'overloaded', hint: 'Run Retry Failed in some minutes.' },
    server_error: { code: 'server_error', hint: 'Run Retry Failed in some minutes.' },
    model_not_found: { code: 'not_found', hint: 'Give the branch a model that this login may use.' },
    prompt_too_long: { code: 'too_large', hint: 'Fork at an earlier turn, where the history is shorter.' },
    invalid_request: { code: 'bad_request', hint: 'Change the branch as the message says.' },
  }),
);
const kindByStatus: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  401: 'authentication_failed',
  404: 'model_not_found',
  413: 'prompt_too_long',
  429: 'rate_limit',
  529: 'overloaded',
};
const otherwise = { code: 'agent', hint: 'Look at the branch’s session in Claude Code, then run Retry Failed.' };

/** Claude Code says so itself, in the place of a reply. */
const notLoggedIn = /not logged in|please run \/login|invalid api key|OAuth token (has expired|revoked)/i;
/** “You've hit your limit · resets 3pm”, “… session limit …”, “Claude AI usage limit reached|1760000000”. */
const limitReached = /\b(hit|reached) your\b.*\blimit\b|\busage limit reached\b/i;

/** How a prompt ended, from the `result` that Claude Code gives. */
export function turnEndOf(result: ResultLine, facts: TurnFacts): AgentTurnEnd {
  const end: AgentTurnEnd = {
    kind: 'completed',
    stopReason: facts.stopReason ?? result.stop_reason ?? null,
    error: null,
    costUsd: facts.costUsd,
    resetsAt: null,
  };
  if (result.subtype === 'error_max_turns') return { ...end, kind: 'max_turns', stopReason: 'max_turns' };
  // Its last word came all the same: there is nothing that it could have spent more on.
  const isThrough = facts.stopReason === 'end_turn' && facts.apiError === null;
  if (result.subtype === 'error_max_budget_usd')
    return isThrough ? end : { ...end, kind: 'budget', stopReason: 'budget' };
  if (result.subtype === 'success' && !result.is_error) return end;
  const message = messageOf(result);
  if (isLimit(result, facts, message)) return { ...end, kind: 'limit', ...limitOf(facts, message) };
  const failure = failureOf(message, result.api_error_status ?? null, kindOf(result, facts));
  return { ...end, kind: 'failed', error: failure };
}

/** A failure in words. `kind` is Claude Code's own name of it, where it gives one. */
export function failureOf(message: string, status: number | null, kind: string | null): Failure {
  if (notLoggedIn.test(message)) return { code: 'authentication', message, hint: loginHint };
  const byStatus = status === null ? undefined : (kindByStatus[status] ?? (status >= 500 ? 'server_error' : undefined));
  const known = failures.get(kind ?? '') ?? failures.get(byStatus ?? '') ?? otherwise;
  return { code: known.code, message, hint: known.hint };
}

function messageOf(result: ResultLine): string {
  const said = result.result ?? result.errors.filter((error) => !error.startsWith('[ede_diagnostic]')).join(' ');
  return said === '' ? `Claude Code ended the turn: ${result.terminal_reason ?? result.subtype}.` : said;
}

function kindOf(result: ResultLine, { apiError }: TurnFacts): string | null {
  return result.terminal_reason === 'prompt_too_long' ? 'prompt_too_long' : (apiError?.error ?? null);
}

function isLimit(result: ResultLine, { apiError, rateLimit }: TurnFacts, message: string): boolean {
  if ((result.api_error ?? apiError?.api_error) === 'usage_limit_reached') return true;
  const refused = result.api_error_status === 429 || apiError?.error === 'rate_limit';
  return refused && (rateLimit?.status === 'rejected' || limitReached.test(message));
}

function limitOf({ rateLimit }: TurnFacts, message: string): Pick<AgentTurnEnd, 'error' | 'resetsAt'> {
  const seconds = rateLimit?.resetsAt ?? Number(/\|(\d{9,11})\b/.exec(message)?.[1] ?? Number.NaN);
  const at = new Date(seconds * 1000);
  const hint = 'The branch goes on by itself when the account’s usage limit resets.';
  return {
    error: { code: 'limit', message, hint },
    resetsAt: Number.isNaN(at.getTime()) ? null : at.toISOString(),
  };
}
