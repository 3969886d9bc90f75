import { describe, expect, it } from 'vitest';
import { createPriceList } from '../../../../src/adapters/prices/createPriceList.ts';
import { checkRequest } from '../../../../src/core/api/checkRequest.ts';
import { blocksOf, type MessagesRequest, type RequestBlock } from '../../../../src/core/api/messagesRequest.ts';
import { ForkPointError } from '../../../../src/core/errors.ts';
import { forkRequestSchema } from '../../../../src/core/fork/forkRequest.ts';
import { planFork } from '../../../../src/core/fork/planFork.ts';
import { estimateCost } from '../../../../src/core/useCases/estimateCost.ts';
import { sessionOfCase } from '../../../support/caseFolders.ts';
import { MemoryBlobs, sha256 } from '../../../support/memoryStores.ts';
import { runId } from '../../../support/plans.ts';

/** What a fork before a turn sends. */
function requestBefore(name: string, turn: number) {
  const { rebuilt } = sessionOfCase(name).requests.forkAt({ turn });
  expect(checkRequest(rebuilt.request)).toEqual([]);
  return rebuilt;
}

async function plan(name: string, turn: number, ...branches: object[]) {
  const { session, requests } = sessionOfCase(name);
  const context = requests.forkAt({ turn });
  const blobs = new MemoryBlobs();
  const made = await planFork(
    session.summary,
    context,
    forkRequestSchema.parse({ session: 's', at: { turn }, branches }),
    { runId, createdAt: '2026-01-01T00:00:00.000Z', provider: 'anthropic', sha256, put: (value) => blobs.put(value) },
  );
  const stored = await Promise.all(
    made.branches.map(
      async ({ request }) => (await blobs.get(request)) as { request: MessagesRequest; betas: string[] },
    ),
  );
  return { plan: made, stored, context };
}

const allBlocks = ({ messages }: MessagesRequest): RequestBlock[] => messages.flatMap(blocksOf);
const ofType = (request: MessagesRequest, type: string) => allBlocks(request).filter((block) => block.type === type);

describe('b21: a tool search found a tool that the request does not define', () => {
  it('every reference is defined', () => {
    const { request } = requestBefore('b21-tool-reference', 2);
    const names = request.tools?.map(({ name }) => name) ?? [];
    expect(names).toEqual(expect.arrayContaining(['ToolSearch', 'DesignSync', 'mcp__figma__get']));
    expect(JSON.stringify(request)).toContain('"tool_reference"');
  });
});

describe('b22: ids of calls that begin anew with every reply', () => {
  it('both calls are there, each with its result', () => {
    const { request, missing } = requestBefore('b22-duplicate-ids', 3);
    expect(ofType(request, 'tool_use')).toMatchObject([
      { id: 'call_0', input: { command: 'a' } },
      { id: 'call_0_2', input: { command: 'b' } },
    ]);
    expect(ofType(request, 'tool_result')).toMatchObject([
      { tool_use_id: 'call_0', content: 'A' },
      { tool_use_id: 'call_0_2', content: 'B' },
    ]);
    expect(missing.join()).not.toContain('result');
  });
});

describe('b18: tools that run at the API', () => {
  it('a search with its result is sent', () => {
    const { request, missing } = requestBefore('b18-server-tools', 2);
    expect(ofType(request, 'server_tool_use')).toHaveLength(1);
    expect(ofType(request, 'web_search_tool_result')).toHaveLength(1);
    expect(missing.join()).not.toContain('server tools');
  });

  it.each([
    ['a result without its call', 3],
    ['a paused call without its result', 4],
    ['a call with an id of another provider', 5],
  ])('%s is left out, and said', (_what, turn) => {
    const { request, missing } = requestBefore('b18-server-tools', turn);
    expect(missing.join()).toContain('server tools');
    expect(ofType(request, 'server_tool_use').map(({ id }) => id)).toEqual(['srvtoolu_01A']);
    expect(ofType(request, 'advisor_tool_result')).toEqual([]);
    expect(JSON.stringify(request)).toContain('The advisor agrees.');
  });
});

describe('b26: betas and edits of another model', () => {
  it('an unchanged fork sends them as recorded', async () => {
    const { plan: made, stored, context } = await plan('b26-long-context-beta', 2, { name: 'as recorded' });
    expect(stored[0]).toEqual({ request: context.rebuilt.request, betas: context.rebuilt.betas });
    expect(stored[0]?.betas).toContain('context-1m-2025-08-07');
    expect(made.branches[0]?.notes).toEqual([]);
  });

  it('go where the branch’s model refuses them, and the size is warned of', async () => {
    const { plan: made, stored } = await plan('b26-long-context-beta', 2, { name: 'a', model: 'claude-haiku-4-5' });
    expect(stored[0]?.betas).toEqual(['context-management-2025-06-27', 'interleaved-thinking-2025-05-14']);
    expect(stored[0]?.request['context_management']).toBeUndefined();
    const notes = made.branches[0]?.notes.join('\n') ?? '';
    expect(notes).toContain('context-1m-2025-08-07');
    expect(notes).toContain('compact-2026-01-12');
    expect(notes).toMatch(/About 602k tokens do not fit: claude-haiku-4-5 takes 200k/);
  });

  it('stay where it takes them', async () => {
    const { stored } = await plan('b26-long-context-beta', 2, { name: 'a', model: 'claude-opus-4-8' });
    expect(stored[0]?.betas).toContain('context-1m-2025-08-07');
    expect(JSON.stringify(stored[0]?.request['context_management'])).toContain('compact_20260112');
  });
});

describe('b27: fast mode', () => {
  it('has no known price, neither estimated nor as standard speed', async () => {
    const prices = await createPriceList();
    const {
      plan: made,
      stored,
      context,
    } = await plan('b27-fast-recorded', 2, { name: 'as recorded' }, { name: 'other', model: 'claude-haiku-4-5' });
    expect(stored[0]?.request['speed']).toBe('fast');
    expect(made.branches.map(({ fast }) => fast)).toEqual([true, undefined]);
    const estimate = (index: number) => estimateCost(made.branches.slice(index, index + 1), context.following, prices);
    expect(estimate(0)).toBeNull();
    expect(estimate(1)?.low).toBeGreaterThan(0);
    expect(stored[1]?.betas).toEqual([]);
    expect(stored[1]?.request['speed']).toBeUndefined();
  });
});

describe('w05: no reply names a model', () => {
  it('a branch that names one is planned', async () => {
    const { stored } = await plan('w05-no-reply-with-model-named', 1, { name: 'a', model: 'claude-haiku-4-5' });
    expect(stored[0]?.request).toMatchObject({ model: 'claude-haiku-4-5', messages: [{ role: 'user' }] });
    expect(stored.map(({ request }) => checkRequest(request))).toEqual([[]]);
  });

  it('one that names none is refused, with what to do', async () => {
    const planned = plan('w05-no-reply-with-model-named', 1, { name: 'as recorded' });
    const error = await planned.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ForkPointError);
    expect((error as ForkPointError).hint).toContain('model');
  });
});

describe('w06: a reminder and the prompt in one text', () => {
  const reminder = /^<system-reminder>The user provided[^<]*<\/system-reminder>\n\n/;

  it('only the person’s words are offered for editing; unchanged, the text is sent as it was', async () => {
    const { stored, context, plan: made } = await plan('w06-reminder-and-prompt-in-one-string', 1, { name: 'a' });
    expect(context.recordedPrompt).toBe('Sort the list');
    expect(made.title).toBe('Sort the list');
    expect(stored[0]?.request.messages).toEqual(context.rebuilt.request.messages);
    const text = stored[0] && ofType(stored[0].request, 'text')[0]?.text;
    expect(text).toMatch(reminder);
    expect(String(text).replace(reminder, '')).toBe('Sort the list');
  });

  it('the recorded words are no change, other words stand behind the reminder, and the preview says so', async () => {
    const {
      stored,
      context,
      plan: made,
    } = await plan(
      'w06-reminder-and-prompt-in-one-string',
      1,
      { name: 'same', prompt: 'Sort the list' },
      { name: 'other', prompt: 'Sort it backwards' },
    );
    const [same, other] = stored.map(({ request }) => request);
    expect(same?.messages).toEqual(context.rebuilt.request.messages);
    const text = other && ofType(other, 'text')[0]?.text;
    expect(text).toMatch(reminder);
    expect(String(text).replace(reminder, '')).toBe('Sort it backwards');
    const note = 'What Claude Code put in front of the recorded prompt stays in front of the new one.';
    expect(made.branches.map(({ notes }) => notes.includes(note))).toEqual([false, true]);
  });
});

describe('w13: a command and a note of the editor', () => {
  it.each([
    [1, '/tidy-up the shed'],
    [2, 'And the attic?'],
  ])('are no title of a run: turn %i', async (turn, title) => {
    const { plan: made } = await plan('w13-command-markup-in-runs', turn, { name: 'a' });
    expect(made.title).toBe(title);
    expect(made.point.label).not.toContain('<');
  });

  it('the command as it was typed is offered for editing; typed again it is no change', async () => {
    const branches = [
      { name: 'same', prompt: '/tidy-up the shed' },
      { name: 'other', prompt: 'Tidy up nothing' },
    ];
    const { stored, context, plan: made } = await plan('w13-command-markup-in-runs', 1, ...branches);
    expect(context.recordedPrompt).toBe('/tidy-up the shed');
    expect(stored[0]?.request.messages).toEqual(context.rebuilt.request.messages);
    const texts = stored[1] && ofType(stored[1].request, 'text').map(({ text }) => text);
    expect(texts).toEqual(['Tidy up nothing', 'Tidy up the shed as the skill says.']);
    expect(made.branches.map(({ notes }) => notes)).toEqual([
      [],
      ['What Claude Code made of the recorded command stays behind the new prompt.'],
    ]);
  });
});
