import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createAnthropicClient } from '../../../../src/adapters/anthropic/createAnthropicClient.ts';
import { createBlobStore } from '../../../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../../../src/adapters/runs/createRunStore.ts';
import { systemClock } from '../../../../src/adapters/systemClock.ts';
import { checkRequest } from '../../../../src/core/api/checkRequest.ts';
import type { MessagesRequest } from '../../../../src/core/api/messagesRequest.ts';
import { foldRun } from '../../../../src/core/run/foldRun.ts';
import { createInProcessEngine } from '../../../../src/orchestration/inProcess/createInProcessEngine.ts';
import { type MessageReply, type ReplyBlock, startMessagesApi } from '../../../support/messagesApi.ts';
import { noAgents } from '../../../support/noAgents.ts';
import { storePlan } from '../../../support/storedPlan.ts';

const raw = (block: { type: string; [key: string]: unknown }): ReplyBlock => ({ type: 'raw', block });
const anyId = fc.constantFrom('toolu_1', 'toolu_1', 'call_0', 'a b', '', 'srvtoolu_1');
const anyBlock: fc.Arbitrary<ReplyBlock> = fc.oneof(
  fc.constantFrom('', ' \n', 'Words.', 'Words. ').map((text): ReplyBlock => ({ type: 'text', text })),
  fc.constantFrom('', 'c2ln').map((signature): ReplyBlock => ({ type: 'thinking', thinking: 'Hm.', signature })),
  fc.constantFrom('', 'data').map((data): ReplyBlock => ({ type: 'redacted_thinking', data })),
  anyId.map((id): ReplyBlock => ({ type: 'tool_use', id, name: 'Read', input: { file_path: '/a' } })),
  fc
    .constantFrom('server_tool_use', 'mcp_tool_use')
    .map((type) => raw({ type, id: 'srvtoolu_1', name: 'x', input: {} })),
  anyId.map((tool_use_id) => raw({ type: 'web_search_tool_result', tool_use_id, content: [] })),
  fc.constantFrom('hologram', 'image', 'tool_result').map((type) => raw({ type })),
);
const anyReply: fc.Arbitrary<MessageReply> = fc.record({
  content: fc.array(anyBlock, { maxLength: 4 }),
  stopReason: fc.constantFrom(
    'end_turn',
    'tool_use',
    'pause_turn',
    'max_tokens',
    'refusal',
    'stop_sequence',
    'unheard_of',
  ),
});

it('whatever the model replies, a branch sends nothing that the API would refuse, and ends', async () => {
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-any-'));
  const [runs, blobs] = [createRunStore(path.join(home, 'runs')), createBlobStore(path.join(home, 'blobs'))];
  let script: MessageReply[] = [];
  await using api = await startMessagesApi(() => script.shift() ?? 'The end.');
  const client = createAnthropicClient({ apiKey: async () => 'sk-ant-test', baseUrl: api.baseUrl });
  const models = async () => client;
  const engine = createInProcessEngine({
    runs,
    blobs,
    models,
    prices: { cost: () => 0 },
    clock: systemClock,
    agents: noAgents,
  });
  const call = { name: 'Read', input: { file_path: '/a' }, result: { content: 'text of a', isError: false } };
  const turns = [
    { turn: 1, prompt: null, calls: [call] },
    { turn: 2, prompt: [{ type: 'text', text: 'Next' }], calls: [] },
  ];
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyReply, { minLength: 1, maxLength: 5 }),
        fc.constantFrom('fork' as const, 'replay' as const),
        fc.constantFrom('claude-opus-4-5', 'claude-fable-5-1'),
        async (replies, kind, model) => {
          script = [...replies];
          const before = api.requests.length;
          const plan = await storePlan(
            { runs, blobs },
            {
              kind,
              branches: [{ name: 'one', model }],
              maxSteps: 6,
              turns: kind === 'fork' ? turns.slice(0, 1) : turns,
            },
          );
          await engine.start(plan);
          const stop = new AbortController();
          for await (const event of runs.follow(plan.runId, stop.signal)) if (event.type === 'run-ended') stop.abort();
          const [branch] = foldRun(plan, await runs.events(plan.runId)).branches;
          expect(branch).toMatchObject({ state: 'completed', error: null });
          if (branch?.stopReason === 'reply_not_sendable')
            expect(branch.notes.join()).toContain('the branch ends here');
          for (const { body } of api.requests.slice(before)) {
            const { stream: _stream, ...sent } = body as MessagesRequest;
            expect(checkRequest(sent as MessagesRequest)).toEqual([]);
            expect(JSON.stringify(sent)).not.toContain('hologram');
          }
        },
      ),
      { numRuns: 60 },
    );
  } finally {
    await engine.dispose();
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  }
}, 30_000);
