import { expect, it } from 'vitest';
import { answersOf } from '../../../src/cli/answersOf.ts';

const input = { questions: [{ question: 'Is a=b?' }, { question: 'Is a' }, { question: 'Odd\u200b?' }] };

it('takes the question that was asked, whatever it holds', () => {
  expect(answersOf(['Is a=b?=yes=no', 'Is a=x', 'Odd?=1'], input)).toEqual({
    'Is a=b?': 'yes=no',
    'Is a': 'x',
    'Odd\u200b?': '1',
  });
});

it('keeps one that was not asked, and refuses what is no answer', () => {
  expect(answersOf(['Which=Red'], input)).toEqual({ Which: 'Red' });
  expect(() => answersOf(['Red'], input)).toThrow('is no QUESTION=ANSWER');
});
