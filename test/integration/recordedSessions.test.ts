import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createSessionStore } from '../../src/adapters/sessions/createSessionStore.ts';
import { canonicalJson } from '../../src/core/canonicalJson.ts';
import type { MessagesRequest } from '../../src/core/fork/messagesRequest.ts';
import { parseTranscript } from '../../src/core/session/parseTranscript.ts';
import type { Turn } from '../../src/core/session/recordedSession.ts';
import type { OpenSession } from '../../src/core/session/sessionStore.ts';
import { checkLegal } from '../support/checkLegal.ts';
import {
  type CapturedRequest,
  type RecordedScenario,
  recordOlderSessions,
  recordSessions,
} from '../support/recordSessions.ts';
import { redPng, sessionOf } from '../support/scenarios.ts';
import { sha256 } from '../support/transcript.ts';

let current: RecordedScenario[] = [];
let older: RecordedScenario[] = [];

beforeAll(async () => {
  current = await recordSessions();
  older = await recordOlderSessions();
}, 600_000);

function scenario(name: string, from: RecordedScenario[] = current): RecordedScenario {
  const found = from.find((recorded) => recorded.name === name);
  if (found === undefined) throw new Error(`No scenario ${name}`);
  return found;
}

function storeOf(recorded: RecordedScenario) {
  return createSessionStore({ claudeDirs: [recorded.claudeDir], sha256 });
}

async function sessionsOf(recorded: RecordedScenario): Promise<OpenSession[]> {
  const store = storeOf(recorded);
  return Promise.all((await store.list()).map((summary) => store.open(summary.file)));
}

function open(name: string, n: number, from: RecordedScenario[] = current): Promise<OpenSession> {
  return storeOf(scenario(name, from)).open(sessionOf(n));
}

type Loose = Record<string, unknown>;

/** A request body without what no recording holds and with contents as blocks, as canonical text. */
function comparable(body: Loose): string {
  const { metadata: _device, stream: _stream, ...rest } = body;
  const system = (rest.system as { text: string }[] | undefined)?.filter(
    (block) => !block.text.startsWith('x-anthropic-billing-header'),
  );
  const messages = (rest.messages as Loose[]).map((message) => ({
    ...message,
    content: typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content,
  }));
  return canonicalJson({ ...rest, system, messages });
}

function withoutCache(body: Loose): string {
  return comparable(
    JSON.parse(JSON.stringify(body, (key, value: unknown) => (key === 'cache_control' ? undefined : value))) as Loose,
  );
}

function capturedReply(recorded: RecordedScenario, messageId: string): CapturedRequest {
  const found = recorded.captured.find((request) => request.responseId === messageId);
  if (found === undefined) throw new Error(`No captured request was answered with ${messageId}`);
  return found;
}

/** Claude Code ends a prompt with a line break where it joins it with the text behind it. */
function textAt(request: MessagesRequest, at: { message: number; block: number } | null): unknown {
  const content = at === null ? undefined : request.messages[at.message]?.content;
  return typeof content === 'object' ? String(content[at?.block ?? 0]?.text).trimEnd() : undefined;
}

function prompts(turns: Turn[]): string[] {
  return turns.map((turn) => turn.prompt);
}

describe('requests that the real Claude Code sent', () => {
  it('are all rebuilt deep-equal, and nothing else is called exact', async () => {
    let exact = 0;
    for (const recorded of current) {
      const waiting = recorded.captured.map((request) => ({
        body: comparable(request.body),
        betas: request.betas,
        index: request.index,
      }));
      for (const session of await sessionsOf(recorded)) {
        for (const rebuilt of session.requests().recorded()) {
          expect(rebuilt, `${recorded.name} ${rebuilt.id}`).toMatchObject({
            fidelity: 'exact',
            digestVerified: true,
            missing: [],
          });
          const at = waiting.findIndex((request) => request.body === comparable(rebuilt.request as Loose));
          expect(at, `${recorded.name} ${rebuilt.id} was never sent`).toBeGreaterThanOrEqual(0);
          expect(rebuilt.betas).toEqual(waiting[at]?.betas);
          if (rebuilt.responseMessageId !== null) {
            expect(waiting[at]?.index).toBe(capturedReply(recorded, rebuilt.responseMessageId).index);
          }
          waiting.splice(at, 1);
          exact += 1;
        }
      }
      // The call that writes a compaction's summary is the one kind that Claude Code does not log.
      expect(
        waiting.map((request) => request.index),
        recorded.name,
      ).toEqual(recorded.name === 'compacted' ? [2] : []);
    }
    expect(exact).toBe(current.reduce((sum, recorded) => sum + recorded.captured.length, 0) - 1);
  });

  it('come back from a fork before every turn, with the prompt in its place', async () => {
    for (const recorded of current) {
      for (const session of await sessionsOf(recorded)) {
        const log = new Set([...session.requests().recorded()].map((request) => request.responseMessageId));
        for (const turn of session.session.turns) {
          const fork = session.requests().forkAt({ turn: turn.index });
          const label = `${recorded.name} turn ${turn.index}`;
          expect(fork.recordedPrompt, label).toBe(turn.prompt);
          expect(textAt(fork.rebuilt.request, fork.rebuilt.promptAt), label).toBe(turn.prompt);
          expect(fork.following[0]?.steps, label).toEqual(turn.steps);
          const first = turn.steps[0];
          if (first === undefined || first.error !== null) continue;
          const captured = capturedReply(recorded, first.messageId);
          if (log.has(first.messageId)) {
            expect(fork.rebuilt, label).toMatchObject({ fidelity: 'exact', missing: [], betas: captured.betas });
            expect(comparable(fork.rebuilt.request), label).toBe(comparable(captured.body));
          } else {
            expect(fork.rebuilt.fidelity, label).toBe('reconstructed');
            expect(withoutCache({ messages: fork.rebuilt.request.messages }), label).toBe(
              withoutCache({ messages: captured.body.messages }),
            );
          }
          expect(fork.rebuilt.inputTokens).toBe(
            first.usage.inputTokens + first.usage.cacheReadTokens + first.usage.cacheWriteTokens,
          );
        }
      }
    }
  });

  it('come back from a fork before every reply and after its last result', async () => {
    let compared = 0;
    for (const recorded of current) {
      for (const session of await sessionsOf(recorded)) {
        const log = new Set([...session.requests().recorded()].map((request) => request.responseMessageId));
        for (const turn of session.session.turns) {
          for (const [at, step] of turn.steps.entries()) {
            if (!log.has(step.messageId)) continue;
            const sent = comparable(capturedReply(recorded, step.messageId).body);
            const before = session.requests().forkAt({ before: step.uuids[0] ?? '' });
            expect(comparable(before.rebuilt.request)).toBe(sent);
            expect(before).toMatchObject({ recordedPrompt: null, rebuilt: { fidelity: 'exact', promptAt: null } });
            compared += 1;
            const results = turn.steps[at - 1]?.toolCalls.map((call) => call.result?.uuid) ?? [];
            const last = session.messages().findLast((message) => results.includes(message.uuid));
            if (last === undefined) continue;
            const after = session.requests().forkAt({ after: last.uuid });
            expect(comparable(after.rebuilt.request)).toBe(sent);
            expect(after.following[0]?.steps[0]?.messageId).toBe(step.messageId);
          }
        }
      }
    }
    expect(compared).toBeGreaterThan(25);
  });

  it('are found for a prompt that was refused: the last try before the error', async () => {
    const recorded = scenario('errors');
    const fork = (await open('errors', 8)).requests().forkAt({ turn: 2 });
    expect(fork.rebuilt.fidelity).toBe('exact');
    const sent = recorded.captured.map((request) => comparable(request.body));
    expect(sent).toContain(comparable(fork.rebuilt.request));
    expect(fork.rebuilt.inputTokens).toBeNull();
  });
});

describe('turns of sessions that the real Claude Code wrote', () => {
  it.each([
    ['plain', 1, ['What is the capital of France?', 'And of Germany?', 'And of Italy?']],
    ['tools', 2, ['Write notes.txt, read it, edit it and show it.', 'Read absent.txt']],
    ['parallel', 3, ['Read a.txt and b.txt and count their lines.', 'Thanks!']],
    ['image', 6, ['What is in this picture?', 'Look at @red.png again.', 'Read it with your tool.']],
    ['subagent', 10, ['Have it explored.', 'Thank you.']],
    ['compacted', 11, ['Before, one', 'Before, two', 'After, one', 'After, two']],
  ] as const)('%s: every prompt is a turn, in both versions', async (name, n, expected) => {
    for (const from of [current, older]) {
      const { session } = await open(name, n, from);
      expect(prompts(session.turns)).toEqual(expected);
      expect(session.summary.turns).toBe(expected.length);
      expect(session.problems).toEqual([]);
      expect(session.turns.every((turn) => turn.active)).toBe(true);
      expect(session.summary).toMatchObject({ title: expected[0], projectPath: scenario(name, from).cwd });
    }
  });

  it('joins parallel calls with their own results', async () => {
    for (const from of [current, older]) {
      const [first] = (await open('parallel', 3, from)).session.turns;
      const contents = first?.steps.map((step) =>
        step.toolCalls.map((call) => [call.name, call.result?.content, call.result?.isError]),
      );
      expect(contents).toEqual([
        [
          ['Read', '1\talpha\n2\t', false],
          ['Read', '1\tbeta\n2\t', false],
          ['Bash', ' 1 a.txt\n 1 b.txt\n 2 total', false],
        ],
        [
          ['Bash', '1', false],
          ['Bash', 'Exit code 1', true],
        ],
        [],
      ]);
      expect(first?.usage.outputTokens).toBe(first?.steps.reduce((sum, step) => sum + step.usage.outputTokens, 0));
    }
  });

  it('marks what was interrupted and what ended in an API error', async () => {
    const stopped = (await open('interrupted', 7)).session.turns;
    expect(stopped.map((turn) => turn.interrupted)).toEqual([false, true, false]);
    expect(stopped[1]?.steps[0]?.text).toContain('A long story');
    const failed = (await open('errors', 8)).session.turns;
    expect(prompts(failed)).toEqual(['Try until it works.', 'This one is refused.', 'And now?']);
    expect(failed.map((turn) => turn.error !== null)).toEqual([false, true, false]);
    expect(failed[1]?.error).toContain('400');
    expect(failed[1]?.models).toEqual([]);
  });

  it('keeps the branch that a rewind left, and says where it parted', async () => {
    const { session } = await open('rewound', 9);
    expect(prompts(session.turns)).toEqual([
      'Question one',
      'Question two',
      'Question three',
      'Question on the other way',
      'Go on',
    ]);
    expect(session.turns.map((turn) => turn.active)).toEqual([true, false, false, true, true]);
    const [abandoned, active] = session.branches;
    expect(abandoned).toMatchObject({
      active: false,
      turns: [session.turns[1]?.turnId, session.turns[2]?.turnId],
      splitUuid: session.turns[0]?.steps[0]?.uuids[0],
    });
    expect(active).toMatchObject({ active: true, splitUuid: null, leafUuid: session.turns[4]?.steps[0]?.uuids[0] });
  });

  it('knows what a compaction took away, and forks before it all the same', async () => {
    for (const from of [current, older]) {
      const opened = await open('compacted', 11, from);
      expect(opened.session.compactions).toMatchObject([{ trigger: 'manual' }]);
      expect(opened.session.turns.map((turn) => turn.compactedAway)).toEqual([true, true, false, false]);
      const before = JSON.stringify(opened.requests().forkAt({ turn: 2 }).rebuilt.request.messages);
      expect(before).toContain('Long ago I said this.');
      expect(before).not.toContain('This session is being continued');
      const after = JSON.stringify(opened.requests().forkAt({ turn: 4 }).rebuilt.request.messages);
      expect(after).toContain('This session is being continued');
      expect(after).not.toContain('Long ago I said this.');
    }
  });

  it('joins a subagent with the call that started it', async () => {
    for (const from of [current, older]) {
      const { session } = await open('subagent', 10, from);
      const call = session.turns[0]?.steps[0]?.toolCalls[0];
      expect(session.subagents).toMatchObject([
        { agentType: 'general-purpose', toolUseId: call?.id, turnId: session.turns[0]?.turnId, messages: 4 },
      ]);
    }
  });

  it('puts the prompt of a picture where its text is, with the picture beside it', async () => {
    for (const from of [current, older]) {
      const { rebuilt } = (await open('image', 6, from)).requests().forkAt({ turn: 1 });
      expect(textAt(rebuilt.request, rebuilt.promptAt)).toBe('What is in this picture?');
      expect(JSON.stringify(rebuilt.request.messages[rebuilt.promptAt?.message ?? -1])).toContain(
        redPng.toString('base64'),
      );
    }
  });
});

describe('sessions from before the request log', () => {
  it('are reconstructed into legal requests that say what is missing', async () => {
    for (const recorded of older) {
      for (const opened of await sessionsOf(recorded)) {
        expect([...opened.requests().recorded()]).toEqual([]);
        for (const turn of opened.session.turns) {
          const { rebuilt, recordedPrompt } = opened.requests().forkAt({ turn: turn.index });
          expect(rebuilt).toMatchObject({ fidelity: 'reconstructed', digestVerified: false, betas: [] });
          expect(rebuilt.missing).toEqual(
            expect.arrayContaining([
              'system prompt',
              expect.stringContaining('tool definitions'),
              expect.stringContaining('parameters'),
            ]),
          );
          expect(recordedPrompt).toBe(turn.prompt);
          expect(textAt(rebuilt.request, rebuilt.promptAt)).toBe(turn.prompt);
          expect(rebuilt.request.model).toBe(turn.models[0]);
          checkLegal(rebuilt.request);
        }
      }
    }
  });

  it('hold every reply and every tool result of the history that was really sent', async () => {
    const recorded = scenario('tools', older);
    const opened = await open('tools', 2, older);
    const { rebuilt } = opened.requests().forkAt({ turn: 2 });
    const sent = capturedReply(recorded, opened.session.turns[1]?.steps[0]?.messageId ?? '').body as {
      messages: { role: string; content: unknown }[];
    };
    const assistant = (messages: { role: string; content: unknown }[]) =>
      JSON.parse(withoutCache({ messages: messages.filter((message) => message.role === 'assistant') })) as unknown;
    expect(assistant(rebuilt.request.messages)).toEqual(assistant(sent.messages));
    const results = (value: unknown) => JSON.stringify(value).match(/"content":"[^"]*"/g);
    const blocks = (messages: { content: unknown }[]) =>
      messages
        .flatMap((message) => (Array.isArray(message.content) ? (message.content as Loose[]) : []))
        .filter((block) => block.type === 'tool_result')
        .map((block) => block.content);
    expect(blocks(rebuilt.request.messages)).toEqual(blocks(sent.messages));
    expect(results(blocks(rebuilt.request.messages))).toEqual(results(blocks(sent.messages)));
  });
});

describe('the store over recorded sessions', () => {
  it('lists what a whole parse finds, and changes nothing on disk', async () => {
    for (const recorded of [...current, ...older]) {
      const before = await folderHash(recorded.claudeDir);
      const store = storeOf(recorded);
      const listed = await store.list();
      expect(listed.length).toBe(recorded.name === 'forked' ? 2 : 1);
      for (const summary of listed) {
        const { session } = await store.open(summary.sessionId);
        expect(summary).toEqual(session.summary);
        expect(summary.turns).toBe(session.turns.length);
        expect(parseTranscript(await readFile(summary.file)).problems).toEqual([]);
      }
      expect(await folderHash(recorded.claudeDir)).toBe(before);
    }
  });

  it('gives every message once', async () => {
    for (const recorded of current) {
      for (const opened of await sessionsOf(recorded)) {
        const uuids = opened.messages().map((message) => message.uuid);
        const lines = (await readFile(opened.session.summary.file, 'utf8')).split('\n').filter((line) => line !== '');
        const written = lines
          .map((line) => JSON.parse(line) as Loose)
          .filter((line) => line.type === 'user' || line.type === 'assistant');
        expect(uuids).toEqual(written.map((line) => line.uuid));
      }
    }
  });
});

/** Names, sizes, times and bytes of everything in a folder. */
async function folderHash(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of (await readdir(folder, { recursive: true, withFileTypes: true })).sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )) {
    const path = join(entry.parentPath, entry.name);
    hash.update(path);
    if (!entry.isFile()) continue;
    const { mtimeMs, size } = await stat(path);
    hash.update(`${mtimeMs} ${size}`).update(await readFile(path));
  }
  return hash.digest('hex');
}
