import { expect, it } from 'vitest';
import { redacted } from '../../../src/core/redacted.ts';

it.each([
  ['key sk-ant-api03-abc_DEF in it', 'key sk-… in it'],
  ['sk-1234567,sk-7654321', 'sk-…,sk-…'],
  ['authorization: Bearer abc.def-1 (401)', 'authorization: Bearer … (401)'],
  ['a task-oriented risk-averse text, sk-short', 'a task-oriented risk-averse text, sk-short'],
])('%s', (text, without) => {
  expect(redacted(text)).toBe(without);
});
