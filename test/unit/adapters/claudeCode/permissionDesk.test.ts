import { expect, it } from 'vitest';
import { PermissionDesk } from '../../../../src/adapters/claudeCode/permissionDesk.ts';
import type { Answer, Question } from '../../../../src/core/agent/agentFacts.ts';
import type { PermissionRequest } from '../../../../src/core/agent/streamProtocol.ts';
import { plainPlace } from '../../../support/plainPlace.ts';

const asking = (id: string, callId: string): PermissionRequest => ({
  type: 'control_request',
  request_id: id,
  request: {
    subtype: 'can_use_tool',
    tool_name: 'Bash',
    input: { command: 'npm install left-pad' },
    tool_use_id: callId,
    decision_reason: null,
    decision_reason_type: null,
  },
});

function desk(
  onQuestion: (question: Question, withdrawn: AbortSignal) => Promise<Answer>,
  inputOf: (callId: string) => unknown = () => undefined,
) {
  const said: string[] = [];
  const order = { place: plainPlace('/home/sam/app'), permissions: 'ask', allowedCommands: [] } as const;
  const made = new PermissionDesk(order, { inputOf, onQuestion, say: (line) => said.push(line), onDenied: () => {} });
  return { made, said };
}

/** As a turn asks: until there is an answer, or the question is withdrawn. */
const untilWithdrawn = (withdrawn: AbortSignal): Promise<Answer> =>
  new Promise((_resolve, reject) => withdrawn.addEventListener('abort', () => reject(withdrawn.reason)));

it('withdraws the question that Claude Code waits for no more, and no other', async () => {
  const withdrawn: string[] = [];
  const answers = new Map<string, (answer: Answer) => void>();
  const { made, said } = desk(async ({ callId }, signal) => {
    signal.addEventListener('abort', () => withdrawn.push(callId));
    return Promise.race([untilWithdrawn(signal), new Promise<Answer>((resolve) => answers.set(callId, resolve))]);
  });
  const [first, second] = [made.take(asking('r1', 'c1')), made.take(asking('r2', 'c2'))];
  await expect.poll(() => answers.size).toBe(2);
  made.cancel('r1');
  made.cancel('r-unknown');
  await expect(first).resolves.toBeUndefined();
  expect(withdrawn).toEqual(['c1']);
  answers.get('c2')?.({ behavior: 'allow', scope: 'call' });
  await second;
  expect(said.map((line) => JSON.parse(line).response.request_id)).toEqual(['r2']);
});

it('asks nobody where a question is withdrawn at once', async () => {
  const asked: string[] = [];
  const { made, said } = desk(async ({ callId }) => {
    asked.push(callId);
    return { behavior: 'allow', scope: 'call' };
  });
  const taking = made.take(asking('r1', 'c1'));
  made.cancel('r1');
  await taking;
  expect([asked, said]).toEqual([[], []]);
});

it('still fails with what failed', async () => {
  const { made } = desk(() => Promise.reject(new Error('The log is full.')));
  await expect(made.take(asking('r1', 'c1'))).rejects.toThrow('The log is full.');
});

it('asks with the plan of the call where Claude Code leaves it out, and lets the call go on as it was', async () => {
  const shown: unknown[] = [];
  const { made, said } = desk(
    async ({ input }) => {
      shown.push(input);
      return { behavior: 'allow', scope: 'call' };
    },
    () => ({ plan: '1. do it' }),
  );
  const ask = (input: Record<string, unknown>, tool_name = 'ExitPlanMode') => {
    const asked = asking('r', 'c');
    return made.take({ ...asked, request: { ...asked.request, tool_name, input } });
  };
  await ask({});
  await ask({ plan: 'of the plan file' });
  await ask({ url: 'https://one.invalid' }, 'WebFetch');
  expect(shown).toEqual([{ plan: '1. do it' }, { plan: 'of the plan file' }, { url: 'https://one.invalid' }]);
  expect(JSON.parse(said[0] ?? '')).toMatchObject({ response: { response: { updatedInput: {} } } });
});
