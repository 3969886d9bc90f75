import { expect, it } from 'vitest';
import { branchIdSchema, runIdSchema } from '../../../../../src/core/ids.ts';
import { sortOpenCalls } from '../../../../../src/core/run/agent/sortOpenCalls.ts';
import type { BranchEvent } from '../../../../../src/core/run/branchEvent.ts';

const of = { runId: runIdSchema.parse('r-1'), branchId: branchIdSchema.parse('b1'), at: '2026-11-20T10:00:00.000Z' };
const call = (command: string) => ({ tool: 'Bash', input: { description: 'x', command } });
const asked = (callId: string, command: string): BranchEvent => ({
  type: 'question-asked',
  ...of,
  question: { callId, tool: 'Bash', input: { command, description: 'x' }, askedAt: of.at, reason: null },
});

it('a call that nobody answered for was not carried out, one that was let through is in doubt', () => {
  const open = [call('rm a'), call('rm a'), call('rm b'), call('ls')];
  const own: BranchEvent[] = [
    asked('1', 'rm a'),
    asked('2', 'rm a'),
    asked('3', 'rm b'),
    { type: 'question-answered', ...of, callId: '1', answer: { behavior: 'allow', scope: 'call' } },
    { type: 'question-withdrawn', ...of, callId: '3' },
  ];
  expect(sortOpenCalls(open, own)).toEqual({
    inDoubt: [call('rm a'), call('ls')],
    notCarriedOut: [call('rm a'), call('rm b')],
  });
});

it('a call that Claude Code went on with while a person was asked is in doubt', () => {
  const own: BranchEvent[] = [asked('1', 'rm a'), { type: 'question-withdrawn', ...of, callId: '1', wentOn: true }];
  expect(sortOpenCalls([call('rm a')], own)).toEqual({ inDoubt: [call('rm a')], notCarriedOut: [] });
});
