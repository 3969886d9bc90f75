import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAnthropicClient } from '../../../src/adapters/anthropic/createAnthropicClient.ts';
import { createRunStore } from '../../../src/adapters/runs/createRunStore.ts';
import { systemClock } from '../../../src/adapters/systemClock.ts';
import { blocksOf, type MessagesRequest } from '../../../src/core/api/messagesRequest.ts';
import { ForkPointError } from '../../../src/core/errors.ts';
import type { ForkContext } from '../../../src/core/fork/forkContext.ts';
import { type ForkPoint, forkRequestSchema } from '../../../src/core/fork/forkRequest.ts';
import type { OpenSession, SessionStore } from '../../../src/core/fork/sessionStore.ts';
import { unknownModel } from '../../../src/core/fork/unknownModel.ts';
import { createForkService } from '../../../src/core/useCases/createForkService.ts';
import { createInProcessEngine } from '../../../src/orchestration/inProcess/createInProcessEngine.ts';
import { checkLegal, withWord } from '../../support/checkLegal.ts';
import { MemoryBlobs, sha256 } from '../../support/memoryStores.ts';
import { type ReceivedRequest, startMessagesApi } from '../../support/messagesApi.ts';
import { noAgents } from '../../support/noAgents.ts';
import { type Loose, labelOf, named, storeOf } from '../../support/openRecordings.ts';
import { type Block, callsIn, type Line, RawTranscript } from '../../support/rawTranscript.ts';
import { type RecordedScenario, recordEverySession } from '../../support/recordSessions.ts';
import { refusingIllegal } from '../../support/strictApi.ts';

/** What becomes of a cut. */
type Outcome =
  | 'kept'
  | 'completed'
  | 'refused: between a call and its result'
  | 'refused: behind thinking'
  | 'refused: before the first prompt'
  | 'refused: nothing before'
  | 'kept, without a model';
type Side = 'before' | 'after';

const reasons: [string, Outcome][] = [
  ['between a tool call and its result', 'refused: between a call and its result'],
  ['behind its thinking', 'refused: behind thinking'],
  ['before the first prompt of its branch', 'refused: before the first prompt'],
  ['Nothing', 'refused: nothing before'],
];

/** What the rules say of a cut behind a line. */
function expectedAfter(file: RawTranscript, line: Line): Outcome {
  if (line.kind === 'reply') {
    const kept = file.replyUpTo(line).flatMap(({ blocks }) => blocks);
    if (callsIn(kept).length > 0) return 'refused: between a call and its result';
    return kept.some(({ type }) => type === 'text') ? 'kept' : 'refused: behind thinking';
  }
  if (line.kind !== 'result') return 'kept';
  const results = file.siblingsOf(line).map((id) => file.resultOf(id));
  if (results.some((result) => result !== undefined && result.at > line.at))
    return 'refused: between a call and its result';
  return results.includes(undefined) ? 'completed' : 'kept';
}

function expectedBefore(file: RawTranscript, line: Line): Outcome {
  if (line.kind === 'prompt') return 'kept';
  if (line.kind === 'result') return 'refused: between a call and its result';
  const previous = line.kind === 'reply' ? file.replyUpTo(line).at(-2) : undefined;
  if (previous !== undefined) return expectedAfter(file, previous);
  const isSaid = [...file.above(line, false)].some(({ type }) => type === 'user' || type === 'assistant');
  return isSaid ? 'kept' : 'refused: nothing before';
}

function expectedOf(file: RawTranscript, line: Line, side: Side, prompts: ReadonlySet<string>): Outcome {
  const hasPrompt = [line.raw, ...file.above(line, true)].some(({ uuid }) => prompts.has(String(uuid)));
  if (!hasPrompt) return 'refused: before the first prompt';
  const expected = side === 'before' ? expectedBefore(file, line) : expectedAfter(file, line);
  return !file.namesModel && !expected.startsWith('refused') ? 'kept, without a model' : expected;
}

interface Tried {
  outcome: Outcome;
  context: ForkContext | null;
}

async function tryFork(session: OpenSession, point: ForkPoint): Promise<Tried> {
  try {
    const context = await session.forkAt(point);
    const { completed, request } = context.rebuilt;
    if (request.model === unknownModel) return { outcome: 'kept, without a model', context };
    return { outcome: completed.length > 0 ? 'completed' : 'kept', context };
  } catch (error) {
    if (!(error instanceof ForkPointError)) throw error;
    expect(error.hint).not.toBe('');
    const outcome = reasons.find(([words]) => error.message.includes(words))?.[1];
    if (outcome === undefined) throw error;
    return { outcome, context: null };
  }
}

function blocksIn({ messages }: MessagesRequest): Block[] {
  return messages.flatMap((message) => blocksOf(message) as readonly Block[]);
}

/** The history ends where it was cut: what stands before is there, what comes after is not. */
function checkContent(
  file: RawTranscript,
  line: Line,
  side: Side,
  { rebuilt, following }: ForkContext,
  label: string,
): void {
  const { request } = rebuilt;
  checkLegal(request, label);
  const calls = callsIn(blocksIn(request));
  const later = file.lines.filter(({ at }) => (side === 'before' ? at >= line.at : at > line.at));
  const laterCalls = later.flatMap(({ blocks }) => callsIn(blocks));
  expect(
    calls.filter((id) => laterCalls.includes(id)),
    `${label}: calls from behind the cut`,
  ).toEqual([]);
  const unanswered = calls.filter((id) => (file.resultOf(id)?.at ?? Number.POSITIVE_INFINITY) > line.at);
  expect(
    rebuilt.completed.map(({ toolUseId }) => toolUseId),
    `${label}: made-up results`,
  ).toEqual(unanswered);
  const last = request.messages.findLast(({ role }) => role !== 'system');
  const end = last === undefined ? [] : (blocksOf(last) as readonly Block[]);
  if (side === 'after' && line.kind === 'reply') {
    expect(last?.role, label).toBe('assistant');
    expect(end.at(-1), label).toMatchObject({ type: 'text', text: line.blocks.at(-1)?.text });
  }
  if (side === 'after' && line.kind === 'result')
    expect(
      end.map(({ tool_use_id }) => tool_use_id),
      label,
    ).toContain(line.blocks[0]?.tool_use_id);
  if (side === 'before' && line.kind === 'reply' && file.replyUpTo(line).length === 1)
    expect(following[0]?.steps[0]?.uuids[0], label).toBe(line.uuid);
  if (line.kind === 'prompt') expect(last?.role, label).toBe('user');
}

/** The row of the table that a line belongs to. */
function rowOf(file: RawTranscript, line: Line): string {
  if (line.kind === 'result') return file.siblingsOf(line).length > 1 ? 'result of a batch' : 'result';
  if (line.kind !== 'reply') return line.kind;
  const last = file.lines.findLast(({ kind, messageId }) => kind === 'reply' && messageId === line.messageId);
  return last === line ? 'last block of a reply' : 'inner block of a reply';
}

/** Every cut of a file, counted by what stands there and what becomes of it. */
async function tableOf(
  session: OpenSession,
  label: string,
  counts: Map<string, number>,
  options: {
    only?: (line: Line, file: RawTranscript) => boolean;
    sample?: (row: string, context: ForkContext | null) => void;
  } = {},
): Promise<void> {
  const { only = () => true, sample } = options;
  const prompts = new Set<string>(session.session.turns.map(({ turnId }) => turnId));
  const file = new RawTranscript(await readFile(session.session.summary.file, 'utf8'), prompts);
  for (const line of file.lines.filter((each) => only(each, file))) {
    for (const side of ['before', 'after'] as const) {
      const place = `${label} line ${line.at + 1}, ${side} a ${line.kind}`;
      const { outcome, context } = await tryFork(
        session,
        side === 'before' ? { before: line.uuid } : { after: line.uuid },
      );
      expect(outcome, place).toBe(expectedOf(file, line, side, prompts));
      if (context !== null) checkContent(file, line, side, context, place);
      const key = `${side} ${rowOf(file, line)}: ${outcome}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      sample?.(key, context);
    }
  }
}

let all: RecordedScenario[] = [];

beforeAll(async () => {
  all = await recordEverySession();
}, 600_000);

/** The least number of each row, a little below what the recordings hold, so that the table can't run empty. */
function expectAtLeast(counts: ReadonlyMap<string, number>, least: Record<string, number>): void {
  // A row of 0 may be missing.
  const found = Object.keys(least).filter((key) => least[key] !== 0 || counts.has(key));
  expect([...counts.keys()].toSorted()).toEqual(found.toSorted());
  for (const [key, count] of Object.entries(least)) expect(counts.get(key) ?? 0, key).toBeGreaterThanOrEqual(count);
}

describe('every cut of every recorded session', () => {
  it('is kept, or refused with its reason', async () => {
    const counts = new Map<string, number>();
    for (const recorded of all)
      for (const file of recorded.sessions)
        await tableOf(await storeOf(recorded).open(file), labelOf(recorded, file), counts);
    expectAtLeast(counts, {
      'after aside: kept': 55,
      'after aside: refused: before the first prompt': 12,
      'after inner block of a reply: kept': 26,
      'after inner block of a reply: refused: behind thinking': 8,
      'after inner block of a reply: refused: between a call and its result': 19,
      'after last block of a reply: kept': 235,
      'after last block of a reply: refused: before the first prompt': 4,
      'after last block of a reply: refused: between a call and its result': 108,
      'after prompt: kept': 231,
      'after result of a batch: kept': 13,
      'after result of a batch: refused: between a call and its result': 19,
      'after result: kept': 94,
      'after stand-in: kept': 10,
      'before aside: kept': 48,
      'before aside: refused: before the first prompt': 12,
      'before aside: refused: nothing before': 7,
      'before inner block of a reply: kept': 40,
      'before inner block of a reply: refused: behind thinking': 7,
      'before inner block of a reply: refused: between a call and its result': 5,
      'before last block of a reply: kept': 328,
      'before last block of a reply: refused: before the first prompt': 4,
      'before last block of a reply: refused: behind thinking': 1,
      'before last block of a reply: refused: between a call and its result': 13,
      'before prompt: kept': 231,
      'before result of a batch: refused: between a call and its result': 32,
      'before result: refused: between a call and its result': 94,
      'before stand-in: kept': 10,
    });
  });

  it('works in the files of subagents, too', async () => {
    const counts = new Map<string, number>();
    for (const recorded of all)
      for (const file of recorded.subagents)
        await tableOf(await storeOf(recorded).open(file), labelOf(recorded, file), counts);
    expectAtLeast(counts, {
      // Of subagents that were stopped with their turn, where they came to note it.
      'after aside: kept': 0,
      'after aside: kept, without a model': 0,
      'after inner block of a reply: kept': 2,
      'after last block of a reply: kept': 39,
      'after last block of a reply: refused: between a call and its result': 13,
      'after prompt: kept': 39,
      // First requests that version 2.0 sent ahead of time may end with the process, before their reply.
      'after prompt: kept, without a model': 0,
      'after result: kept': 13,
      'before aside: kept': 0,
      'before aside: kept, without a model': 0,
      'before inner block of a reply: kept': 2,
      'before last block of a reply: kept': 52,
      'before prompt: kept': 39,
      'before prompt: kept, without a model': 0,
      'before result: refused: between a call and its result': 13,
    });
  });

  it('covers branches, compactions, first messages and every version', async () => {
    const turns = { abandoned: 0, compactedAway: 0, behindCompaction: 0, first: 0 };
    for (const recorded of all) {
      for (const file of recorded.sessions) {
        const { session } = await storeOf(recorded).open(file);
        turns.abandoned += session.turns.filter(({ active }) => !active).length;
        turns.compactedAway += session.turns.filter(({ compactedAway }) => compactedAway).length;
        const boundary = session.compactions.at(-1)?.line ?? Number.POSITIVE_INFINITY;
        turns.behindCompaction += session.turns.filter(({ line }) => line > boundary).length;
        turns.first += session.turns.filter(({ parentTurnId }) => parentTurnId === null).length;
      }
    }
    expect(turns.abandoned).toBeGreaterThan(8);
    expect(turns.compactedAway).toBeGreaterThan(14);
    expect(turns.behindCompaction).toBeGreaterThan(20);
    expect(turns.first).toBeGreaterThan(80);
    expect(new Set(all.map(({ version }) => version)).size).toBe(7);
  });
});

describe('a session that ended in the middle of a turn', () => {
  /** Files that end behind each line of a recorded one, as a killed process leaves them. */
  async function* endings(recorded: RecordedScenario): AsyncGenerator<{ session: OpenSession; label: string }> {
    const folder = await mkdtemp(join(tmpdir(), 'forkpoint-ended-'));
    try {
      const store = storeOf({ ...recorded, claudeDir: folder });
      const [source] = recorded.sessions as [string];
      const lines = (await readFile(source, 'utf8')).split('\n').filter((line) => line !== '');
      const file = join(folder, 'projects', 'x', basename(source));
      await mkdir(join(folder, 'projects', 'x'), { recursive: true });
      for (let end = 1; end <= lines.length; end += 1) {
        await writeFile(file, `${lines.slice(0, end).join('\n')}\n`);
        yield { session: await store.open(file), label: `${labelOf(recorded)} up to line ${end}` };
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  it('is completed with a result that says that none was recorded', async () => {
    const counts = new Map<string, number>();
    const made = new Set<string>();
    for (const recorded of named(all, 'parallel')) {
      for await (const { session, label } of endings(recorded)) {
        await tableOf(session, label, counts, {
          only: (line, file) => line === file.lines.at(-1),
          sample: (_row, context) => {
            for (const { tool, content } of context?.rebuilt.completed ?? []) made.add(`${tool}: ${content}`);
          },
        });
      }
    }
    expectAtLeast(counts, {
      'after last block of a reply: kept': 54,
      'after last block of a reply: refused: between a call and its result': 28,
      'after prompt: kept': 12,
      'after prompt: kept, without a model': 40,
      'after result of a batch: completed': 21,
      'after result of a batch: kept': 23,
      'before last block of a reply: kept': 65,
      'before last block of a reply: refused: between a call and its result': 16,
      'before prompt: kept': 12,
      'before prompt: kept, without a model': 40,
      'before result of a batch: refused: between a call and its result': 44,
    });
    const content = 'No result was recorded for this tool call.';
    expect([...made].toSorted()).toEqual([`Bash: ${content}`, `Read: ${content}`]);
  });
});

describe('what is shown', () => {
  it('is what is sent', async () => {
    const versions = new Set(['2.0.76', '2.1.300', '2.1.329']);
    const wanted: { recorded: RecordedScenario; file: string; point: ForkPoint; shown: ForkContext }[] = [];
    for (const recorded of all.filter(({ version }) => versions.has(version))) {
      const rows = new Set<string>();
      for (const file of [...recorded.sessions, ...recorded.subagents]) {
        const isNew = (row: string) => !rows.has(row) && rows.add(row);
        await tableOf(await storeOf(recorded).open(file), labelOf(recorded, file), new Map(), {
          sample: (row, shown) => {
            if (shown === null || shown.rebuilt.request.messages.length === 0 || !isNew(row)) return;
            // It can't be sent unchanged: each branch has to name a model.
            if (shown.rebuilt.request.model === unknownModel) return;
            const { kind, uuid } = shown.point;
            wanted.push({ recorded, file, point: kind === 'before' ? { before: uuid } : { after: uuid }, shown });
          },
        });
      }
    }
    const folder = await mkdtemp(join(tmpdir(), 'forkpoint-sent-'));
    const api = await startMessagesApi(refusingIllegal(() => ({ content: 'Answered.' })));
    try {
      for (const [at, { recorded, file, point, shown }] of wanted.entries()) {
        const label = `${labelOf(recorded, file)} ${JSON.stringify(point)}`;
        const { preview, state } = await run(
          storeOf(recorded),
          file,
          point,
          shown,
          api.baseUrl,
          join(folder, String(at)),
        );
        expect(state, label).toBe('completed');
        expect(preview, label).toEqual({ ...shown.point, messages: shown.rebuilt.prefix.messages.equal });
        const { stream: _stream, ...body } = (api.requests.at(-1) as ReceivedRequest).body as Loose;
        expect(body, label).toEqual(withWord(shown.rebuilt.request));
      }
    } finally {
      await api.close();
      await rm(folder, { recursive: true, force: true });
    }
    expect(api.requests.length).toBe(wanted.length);
    expect(wanted.length).toBeGreaterThan(250);
  }, 120_000);
});

/** Runs an unchanged fork in this process, against the stand-in. */
async function run(
  sessions: SessionStore,
  session: string,
  at: ForkPoint,
  shown: ForkContext,
  baseUrl: string,
  folder: string,
) {
  const runs = createRunStore(folder);
  const blobs = new MemoryBlobs();
  const client = createAnthropicClient({ apiKey: async () => 'sk-ant-test', baseUrl });
  const prices = { cost: () => null };
  const engine = createInProcessEngine({
    runs,
    blobs,
    models: async () => client,
    prices,
    clock: systemClock,
    agents: noAgents,
    concurrency: 1,
  });
  const forks = createForkService({
    sessions,
    runs,
    blobs,
    engine: async () => engine,
    prices,
    provider: 'anthropic',
    apiHost: 'localhost',
    clock: systemClock,
    sha256,
    textDiff: () => ({ patch: null, commonLines: null }),
    random: () => 0,
    defaultExecutor: async () => 'api',
    agents: () => Promise.reject(new Error('No agent is planned in this test.')),
    changedFiles: async () => [],
    beforeDelete: async () => [],
  });
  const word = shown.rebuilt.request.messages.at(-1)?.role === 'assistant' ? { prompt: 'Go on.' } : {};
  const request = forkRequestSchema.parse({ session, at, tools: 'stop', branches: [{ name: 'unchanged' }], ...word });
  const preview = await forks.preview(request);
  const { runId } = await forks.dispatch(request);
  const { state } = await forks.whenEnded(runId);
  await engine.dispose();
  return { preview: { ...preview.point, messages: preview.branches[0]?.prefix.messages.equal }, state };
}
