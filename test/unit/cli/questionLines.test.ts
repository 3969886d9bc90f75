import { expect, it } from 'vitest';
import { questionLines } from '../../../src/cli/questionLines.ts';

const ids = { runId: 'r-1', branchId: 'b1' };
const asked = (tool: string, input: unknown) => ({ callId: 'c1', tool, input, askedAt: '', reason: null });

it('shows options, and a command that answers each question', () => {
  const options = [{ label: 'Red', description: 'warm' }, { label: "Bob's" }];
  const questions = [
    { question: 'Which color?', header: 'Color', options },
    { question: 'Sizes?', multiSelect: true, options: [{ label: 'S' }] },
  ];
  expect(questionLines(asked('AskUserQuestion', { questions }), ids)).toEqual([
    'asks: Which color?',
    '    Red · warm',
    "    Bob's",
    'asks: Sizes? (several are fine, with commas)',
    '    S',
    "  forkpoint approve r-1 b1 c1 --answer 'Which color?=Red' --answer 'Sizes?=S'",
    '  forkpoint deny r-1 b1 c1',
  ]);
});

it('shows a plan before it is approved', () => {
  expect(questionLines(asked('ExitPlanMode', { plan: '1. do it\n2. test' }), ids)).toEqual([
    'asks: approve its plan',
    '    1. do it',
    '    2. test',
    '  forkpoint approve|deny r-1 b1 c1',
  ]);
  expect(questionLines(asked('ExitPlanMode', {}), ids)[0]).toBe('asks: approve a plan that it doesn’t show');
});

it('shows a command as it is', () => {
  expect(questionLines(asked('Bash', { command: 'npm install' }), ids)).toEqual([
    'asks: npm install',
    '  forkpoint approve|deny r-1 b1 c1',
  ]);
});
