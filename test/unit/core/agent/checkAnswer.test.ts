import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../../src/core/agent/agentFacts.ts';
import { checkAnswer } from '../../../../src/core/agent/checkAnswer.ts';

const options = [{ label: 'Red', description: 'warm' }, { label: 'Blue' }];
const question = {
  callId: 'c1',
  tool: 'AskUserQuestion',
  input: {
    questions: [
      { question: 'Which color?', header: 'Color', multiSelect: false, options },
      { question: 'Sizes?', header: 'Size', multiSelect: true, options: [{ label: 'S' }, { label: 'M' }] },
    ],
  },
};
const allow = (answers?: Record<string, string>): Answer => ({
  behavior: 'allow',
  scope: 'call',
  ...(answers !== undefined && { answers }),
});
const whyNot = (asked: Parameters<typeof checkAnswer>[0], answer: Answer): unknown => {
  try {
    checkAnswer(asked, answer);
  } catch (error) {
    return error;
  }
  return null;
};

describe('checkAnswer', () => {
  it('wants an answer to every question, and names them with their options', () => {
    expect(whyNot(question, allow())).toMatchObject({
      code: 'bad_input',
      exitCode: 2,
      message: 'The agent waits for an answer to “Which color?” and “Sizes?”.',
      hint: expect.stringContaining('“Which color?” (Red, Blue). “Sizes?” (any of S, M).'),
    });
    expect(whyNot(question, allow({ 'Which color?': 'Red', 'Sizes?': ' ' }))).toMatchObject({
      message: 'The agent waits for an answer to “Sizes?”.',
    });
  });

  it('refuses an answer to what was not asked', () => {
    expect(whyNot(question, allow({ Which: 'Red' }))).toMatchObject({
      message: expect.stringContaining('did not ask "Which"'),
      hint: expect.stringContaining('“Which color?” (Red, Blue)'),
    });
    const command = { callId: 'c2', tool: 'Bash', input: { command: 'ls' } };
    expect(whyNot(command, allow({ 'Which?': 'Red' }))).toMatchObject({ hint: 'Leave --answer out.' });
    expect(whyNot(command, { behavior: 'allow', scope: 'run' })).toBeNull();
  });

  it('takes other words than those of the options, and a refusal without any', () => {
    expect(whyNot(question, allow({ 'Which color?': 'Green', 'Sizes?': 'S, M' }))).toBeNull();
    expect(whyNot(question, { behavior: 'deny', scope: 'call' })).toBeNull();
  });

  it('lets nobody answer for other branches', () => {
    const answer: Answer = { ...allow({ 'Which color?': 'Red', 'Sizes?': 'S' }), scope: 'run' };
    expect(whyNot(question, answer)).toMatchObject({ hint: 'Answer it without --for.' });
    expect(whyNot({ ...question, tool: 'ExitPlanMode' }, { behavior: 'allow', scope: 'branch' })).not.toBeNull();
  });
});
