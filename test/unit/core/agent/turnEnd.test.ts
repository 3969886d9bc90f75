import { describe, expect, it } from 'vitest';
import { type ResultLine, readStreamLine } from '../../../../src/core/agent/streamProtocol.ts';
import { type TurnFacts, turnEndOf } from '../../../../src/core/agent/turnEnd.ts';

const facts: TurnFacts = { stopReason: 'tool_use', apiError: null, rateLimit: null, costUsd: 1 };
const resultOf = (more: object): ResultLine => {
  const line = readStreamLine(JSON.stringify({ type: 'result', subtype: 'success', is_error: true, ...more }));
  if (line?.type !== 'result') throw new Error('no result');
  return line;
};
const rejected = { status: 'rejected', resetsAt: 1_900_000_000, rateLimitType: 'five_hour' };

describe('how a prompt ended', () => {
  it.each([
    [
      { is_error: false, stop_reason: 'end_turn' },
      { kind: 'completed', stopReason: 'tool_use', error: null },
    ],
    [{ subtype: 'error_max_turns' }, { kind: 'max_turns', stopReason: 'max_turns', error: null }],
    [{ subtype: 'error_max_budget_usd' }, { kind: 'budget', error: null }],
    [{ result: 'Not logged in · Please run /login' }, { kind: 'failed', error: { code: 'authentication' } }],
    [{ result: 'Invalid API key · Fix external API key' }, { kind: 'failed', error: { code: 'authentication' } }],
    [
      { result: 'API Error: x', api_error_status: 403 },
      { kind: 'failed', error: { code: 'agent' } },
    ],
    [
      { result: 'API Error: x', api_error_status: 500 },
      { kind: 'failed', error: { code: 'server_error' } },
    ],
    [
      { result: 'API Error: x', api_error_status: 529 },
      { kind: 'failed', error: { code: 'overloaded' } },
    ],
    [
      { result: 'Too long', terminal_reason: 'prompt_too_long' },
      { kind: 'failed', error: { code: 'too_large' } },
    ],
    [
      { subtype: 'error_during_execution', errors: ['[ede_diagnostic] x'], terminal_reason: 'aborted_streaming' },
      { kind: 'failed', error: { message: 'Claude Code ended the turn: aborted_streaming.' } },
    ],
  ])('%j', (result, end) => {
    expect(turnEndOf(resultOf(result), facts)).toMatchObject({ costUsd: 1, resetsAt: null, ...end });
  });

  it('is completed where only the last word crossed the budget', () => {
    const crossed = resultOf({ subtype: 'error_max_budget_usd' });
    const said = { ...facts, stopReason: 'end_turn' };
    expect(turnEndOf(crossed, said)).toMatchObject({ kind: 'completed', stopReason: 'end_turn' });
    const apiError = { error: 'overloaded' } as TurnFacts['apiError'];
    expect(turnEndOf(crossed, { ...said, apiError })).toMatchObject({ kind: 'budget' });
  });

  it('is a limit of the account with the time of its reset, in the words of every version', () => {
    const reset = new Date(1_900_000_000_000).toISOString();
    const limited = { result: 'You’ve hit your limit · resets 3pm (UTC)', api_error_status: 429 };
    expect(turnEndOf(resultOf(limited), { ...facts, rateLimit: rejected })).toMatchObject({
      kind: 'limit',
      resetsAt: reset,
      error: { code: 'limit', message: limited.result },
    });
    const named = { ...limited, api_error: 'usage_limit_reached' };
    expect(turnEndOf(resultOf(named), facts)).toMatchObject({ kind: 'limit', resetsAt: null });
    const old = { result: 'Claude AI usage limit reached|1900000000', api_error_status: 429 };
    expect(turnEndOf(resultOf(old), facts)).toMatchObject({ kind: 'limit', resetsAt: reset });
  });

  it('is no limit of the account where the API only asks for a pause', () => {
    const busy = { result: 'API Error: Request rejected (429)', api_error_status: 429 };
    const warned = { ...rejected, status: 'allowed_warning' };
    expect(turnEndOf(resultOf(busy), { ...facts, rateLimit: warned })).toMatchObject({
      kind: 'failed',
      error: { code: 'rate_limited' },
    });
  });
});
