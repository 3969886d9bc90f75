import { expect, it } from 'vitest';
import type { StepResult } from '../../../../src/core/run/branchOutcome.ts';
import type { ModelCall } from '../../../../src/core/run/callModel.ts';
import { StepsInTurn } from '../../../../src/orchestration/temporal/stepsInTurn.ts';

const call = { runId: 'r-1', branchId: 'b1', step: 1 } as ModelCall;
const result = { step: 1 } as StepResult;
const never = new AbortController().signal;

it('takes the answer of a call that is still under way for one that is handed out again', async () => {
  const steps = new StepsInTurn();
  const answer = Promise.withResolvers<StepResult>();
  const first = steps.run(call, never, () => answer.promise);
  const asked: string[] = [];
  const again = steps.run(call, never, async () => asked.push('again') as never);
  const other = steps.run({ ...call, step: 2 }, never, async () => asked.push('other') as never);
  await other;
  answer.resolve(result);
  expect(await Promise.all([first, again])).toEqual([result, result]);
  expect(asked).toEqual(['other']);
});

it('asks where the call under way comes to nothing, one of many, and lets who is cancelled go', async () => {
  const steps = new StepsInTurn();
  const answer = Promise.withResolvers<StepResult>();
  const first = steps.run(call, never, () => answer.promise).catch((error: unknown) => error);
  let asked = 0;
  const ask = async (): Promise<StepResult> => {
    asked += 1;
    return result;
  };
  const again = [steps.run(call, never, ask), steps.run(call, never, ask)];
  const cancelled = new AbortController();
  const gone = steps.run(call, cancelled.signal, ask);
  cancelled.abort(new Error('cancelled'));
  await expect(gone).rejects.toThrow('cancelled');
  answer.reject(new Error('gone'));
  expect(await first).toMatchObject({ message: 'gone' });
  expect(await Promise.all(again)).toEqual([result, result]);
  expect(asked).toBe(1);
});
