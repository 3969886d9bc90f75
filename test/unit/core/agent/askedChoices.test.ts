import { describe, expect, it } from 'vitest';
import { choicesOf } from '../../../../src/core/agent/askedChoices.ts';

describe('choicesOf', () => {
  it('keeps the words that an answer is found by', () => {
    const question = 'Which  library?\u200b';
    const options = [{ label: 'date-fns', description: 'small' }, { label: 3 }, 'odd'];
    expect(choicesOf({ questions: [{ question, header: 'Lib', multiSelect: true, options }, {}, null] })).toEqual([
      { question, header: 'Lib', several: true, options: [{ label: 'date-fns', description: 'small' }] },
    ]);
    expect([null, 'x', {}, { questions: 'x' }].map(choicesOf)).toEqual([[], [], [], []]);
  });
});
