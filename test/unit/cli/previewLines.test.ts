import { expect, it } from 'vitest';
import { dryRunEnd, type Sending } from '../../../src/cli/previewLines.ts';

const sending = (over: Partial<Sending> = {}): Sending => ({
  billed: true,
  host: 'api.anthropic.com',
  requests: 2,
  costUsd: { low: 0.01, high: 0.2 },
  executor: 'api',
  agent: null,
  ...over,
});

it('ends a dry run with what it may cost', () => {
  expect(dryRunEnd(sending())).toBe('It would be 2 requests to api.anthropic.com, $0.01–0.20. Nothing was sent.');
  expect(dryRunEnd(sending({ costUsd: null }))).toContain(', unknown cost. Nothing');
  expect(dryRunEnd(sending({ billed: false, host: null }))).toBe(
    'It would be 2 requests to the demo model, free. Nothing was sent.',
  );
  expect(dryRunEnd(sending({ executor: 'claude-code' }))).toBe(
    'It would be 2 branches answered by Claude Code, $0.01–0.20 estimated. Nothing was sent.',
  );
  const agent = { agent: { billing: 'subscription', version: '2.1.329' }, place: { kind: 'overlay' } };
  expect(dryRunEnd(sending({ executor: 'claude-code', agent: agent as unknown as Sending['agent'] }))).toBe(
    'It would be 2 branches answered by Claude Code 2.1.329 in overlay places, which counts against your plan. Nothing was sent.',
  );
});
