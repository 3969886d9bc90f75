import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkRequest } from '../../../../src/core/api/checkRequest.ts';
import type { MessagesRequest, RequestBlock } from '../../../../src/core/api/messagesRequest.ts';
import { storedRequestSchema } from '../../../../src/core/fork/forkPlan.ts';
import { forkRequestSchema } from '../../../../src/core/fork/forkRequest.ts';
import { planFork } from '../../../../src/core/fork/planFork.ts';
import { MemoryBlobs, sha256 } from '../../../support/memoryStores.ts';
import { context, request, runId, summary } from '../../../support/plans.ts';

/** Where a breakpoint may stand in the recorded request, in the order in which the API goes through them. */
const places = ['tool 1', 'tool 2', 'system 1', 'system 2', 'question', 'answer', 'reminder', 'prompt'] as const;
type Place = (typeof places)[number];

/** The recorded request with up to four breakpoints, those of an hour first. */
function marked(at: readonly Place[], hours: number): MessagesRequest {
  const inOrder = places.filter((place) => at.includes(place));
  const mark = (place: Place): object => {
    if (!at.includes(place)) return {};
    const ttl = inOrder.indexOf(place) < hours ? { ttl: '1h' } : {};
    return { cache_control: { type: 'ephemeral', ...ttl } };
  };
  const text = (words: string, place: Place): RequestBlock => ({ type: 'text', text: words, ...mark(place) });
  const thinking = { type: 'thinking', thinking: 'Hm.', signature: 'sig' };
  return request({
    tools: [
      { name: 'Read', input_schema: { type: 'object' }, ...mark('tool 1') },
      { name: 'Grep', input_schema: { type: 'object' }, ...mark('tool 2') },
    ],
    system: [text('You are helpful.', 'system 1'), text('Be brief.', 'system 2')],
    messages: [
      { role: 'user', content: [text('Why are accents dropped?', 'question')] },
      { role: 'assistant', content: [thinking, text('Because of the pattern.', 'answer')] },
      { role: 'user', content: [text('<system-reminder>Now.</system-reminder>', 'reminder'), text('Go on', 'prompt')] },
    ],
  });
}

const branch = fc.record(
  {
    prompt: fc.constantFrom('Handle flags', 'Handle digits'),
    model: fc.constant('claude-haiku-4-5'),
    system: fc.constant({ append: 'Answer in verse.' }),
    repeats: fc.constantFrom(1, 2),
  },
  { requiredKeys: [] },
);

it('keeps breakpoints legal, whatever was recorded and whatever the branches change', async () => {
  const beforeMessages = fc.constant(places.slice(0, 4));
  const anyMarks = fc.oneof({ weight: 9, arbitrary: fc.subarray([...places], { maxLength: 4 }) }, beforeMessages);
  await fc.assert(
    fc.asyncProperty(anyMarks, fc.nat(4), fc.array(branch, { minLength: 2, maxLength: 4 }), async (at, hours, some) => {
      const recorded = marked(at, hours);
      expect(checkRequest(recorded)).toEqual([]);
      const blobs = new MemoryBlobs();
      const branches = some.map((each, index) => ({ name: `branch ${index}`, ...each }));
      const plan = await planFork(
        summary(),
        context({ rebuilt: { ...context().rebuilt, request: recorded } }),
        forkRequestSchema.parse({ session: 's', at: { turn: 2 }, branches }),
        { runId, createdAt: '2026-01-01T00:00:00.000Z', provider: 'demo', sha256, put: (value) => blobs.put(value) },
      );
      for (const { request: ref } of plan.branches)
        expect(checkRequest(storedRequestSchema.parse(await blobs.get(ref)).request)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
