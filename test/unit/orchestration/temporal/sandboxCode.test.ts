import { createContext, runInContext } from 'node:vm';
import { expect, test } from 'vitest';
import { sandboxCode } from '../../../../src/orchestration/temporal/sandboxCode.ts';

const stackOf = (code: string): unknown => runInContext(code, createContext({}));

test('the sandbox of a worker takes no stacks, in code that stays on its lines', () => {
  const workflows = 'const here = 1;\nnew Error("x").stack';
  expect(stackOf(workflows)).toMatch(/^Error: x\n {4}at /);
  expect(stackOf(sandboxCode(workflows, false))).toBe('Error: x');
  expect(sandboxCode(workflows, true).split('\n')).toHaveLength(2);
});

test('the failure converter learns whether payloads are encrypted', () => {
  const workflows = 'globalThis.forkpointEncrypted';
  expect(stackOf(sandboxCode(workflows, true))).toBe(true);
  expect(stackOf(sandboxCode(workflows, false))).toBeUndefined();
});
