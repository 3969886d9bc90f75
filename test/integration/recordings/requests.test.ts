import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MessagesRequest } from '../../../src/core/api/messagesRequest.ts';
import type { OpenSession } from '../../../src/core/fork/sessionStore.ts';
import type { Step } from '../../../src/core/session/recordedSession.ts';
import { checkAlternating, checkLegal } from '../../support/checkLegal.ts';
import {
  capturedReply,
  collect,
  comparable,
  type Loose,
  labelOf,
  named,
  openNumber,
  storeOf,
  wholeTurns,
  withoutCache,
} from '../../support/openRecordings.ts';
import { type RecordedScenario, recordEverySession } from '../../support/recordSessions.ts';
import { redPng } from '../../support/scenarios.ts';
import type { CapturedRequest } from '../../support/stage.ts';

let all: RecordedScenario[] = [];
/** Recordings whose requests are logged, all of them. */
let logged: RecordedScenario[] = [];

beforeAll(async () => {
  all = await recordEverySession();
  logged = all.filter(
    (recorded) => (recorded.logged || recorded.name === 'logged') && !['unlogged', 'withheld'].includes(recorded.name),
  );
}, 600_000);

function sessionsOf(recorded: RecordedScenario): Promise<OpenSession[]> {
  const store = storeOf(recorded);
  return Promise.all(recorded.sessions.map((file) => store.open(file)));
}

const unrecordedField = expect.stringContaining('"safeguards"') as unknown;

/**
 * What must be said of a request that was rebuilt from the log: where its beta features allow a field that newer logs leave
 * out, it may have had it.
 */
function claimFor({ betas, request }: { betas: readonly string[]; request: Loose | null }) {
  const mayHoldMore = betas.some((beta) => beta.startsWith('dangerous-tool-use-')) && request?.safeguards === undefined;
  return mayHoldMore
    ? { fidelity: 'reconstructed', digestVerified: true, missing: [unrecordedField] }
    : { fidelity: 'exact', digestVerified: true, missing: [] };
}

/** A body that was sent, as far as a request of this fidelity claims to know it. */
function knownPart(body: Loose, fidelity: string): string {
  const { safeguards: _check, ...rest } = body;
  return comparable(fidelity === 'exact' ? body : rest);
}

/** Messages whose line names a request that the file does not log: 2.1.300 leaves out the first one of a terminal. */
async function unloggedReplies(recorded: RecordedScenario): Promise<Set<unknown>> {
  const files = await Promise.all(
    [...recorded.sessions, ...recorded.subagents].map(async (file) => (await readFile(file, 'utf8')).split('\n')),
  );
  const lines = files
    .flat()
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Loose);
  const ids = new Set(lines.flatMap((line) => (line.type === 'api-request' ? line.id : [])));
  const replies = lines.filter(({ requestRef }) => typeof requestRef === 'string' && !ids.has(requestRef));
  return new Set(replies.map((line) => (line.message as Loose).id));
}

/** Calls that Claude Code never logs: those that name a session and those that sum one up. */
function isNeverLogged(request: CapturedRequest | undefined): boolean {
  return request?.aside === true || JSON.stringify(request?.sent?.content ?? '').includes('<summary>');
}

/** Claude Code ends a prompt with a line break where it joins it with the text behind it. */
function textAt(request: MessagesRequest, at: { message: number; block: number } | null): unknown {
  const content = at === null ? undefined : request.messages[at.message]?.content;
  return typeof content === 'object' ? String(content[at?.block ?? 0]?.text).trimEnd() : undefined;
}

/** Such a prompt is sent as markup, and as what Claude Code makes of it. */
function isCommand(prompt: string): boolean {
  return prompt.startsWith('/') || prompt.startsWith('! ');
}

/** What was read from beside the transcript is shown, not forked. */
function withoutSpilled(steps: readonly Step[] | undefined): unknown {
  return JSON.parse(JSON.stringify(steps, (key, value: unknown) => (key === 'spilled' ? undefined : value)));
}

describe('requests that the real Claude Code sent', () => {
  it('are all rebuilt deep-equal, and nothing else is called exact', async () => {
    const counts = { exact: 0, reconstructed: 0 };
    for (const recorded of logged) {
      const waiting = recorded.captured.map(({ body, betas, index }) => ({
        exact: knownPart(body, 'exact'),
        reconstructed: knownPart(body, 'reconstructed'),
        betas,
        index,
      }));
      for (const session of await sessionsOf(recorded)) {
        for (const rebuilt of await collect(session.requests())) {
          const label = `${labelOf(recorded)} ${rebuilt.id}`;
          expect(rebuilt, label).toMatchObject(claimFor(rebuilt));
          const body = comparable(rebuilt.request as Loose);
          const at = waiting.findIndex((request) => request[rebuilt.fidelity] === body);
          expect(at, `${label} was never sent`).toBeGreaterThanOrEqual(0);
          expect(rebuilt.betas, label).toEqual(waiting[at]?.betas);
          if (rebuilt.responseMessageId !== null) {
            expect(waiting[at]?.index, label).toBe(capturedReply(recorded, rebuilt.responseMessageId).index);
          }
          waiting.splice(at, 1);
          counts[rebuilt.fidelity] += 1;
        }
      }
      const unlogged = await unloggedReplies(recorded);
      const left = waiting
        .map(({ index }) => recorded.captured[index])
        .filter((request) => !isNeverLogged(request) && !unlogged.has(request?.responseId));
      expect(
        left.map((request) => request?.index),
        `${labelOf(recorded)}: requests that were not found`,
      ).toEqual([]);
    }
    expect(counts.exact).toBeGreaterThan(150);
    expect(counts.reconstructed).toBeGreaterThan(10);
  });

  it('are known for what they are where the log was switched off for one process', async () => {
    const [recorded] = named(all, 'unlogged') as [RecordedScenario];
    const opened = await openNumber(recorded, 57);
    const requests = await collect(opened.requests());
    expect(requests.map(({ fidelity }) => fidelity)).toEqual(['exact', 'exact']);
    const forks = await Promise.all([1, 2, 3].map((turn) => opened.forkAt({ turn })));
    expect(forks.map(({ rebuilt }) => rebuilt.fidelity)).toEqual(['exact', 'reconstructed', 'exact']);
    const sent = recorded.captured[1]?.body;
    expect(withoutCache({ messages: forks[1]?.rebuilt.request.messages })).toBe(
      withoutCache({ messages: sent.messages }),
    );
  });

  it('are not exact where a field of the body was withheld', async () => {
    const [recorded] = named(all, 'withheld') as [RecordedScenario];
    const opened = await openNumber(recorded, 58);
    const [more, without] = await collect(opened.requests());
    expect(more).toMatchObject({ fidelity: 'reconstructed', missing: [expect.stringContaining('service_tier')] });
    expect(without).toMatchObject({ fidelity: 'exact', missing: [] });
    expect((await opened.forkAt({ turn: 1 })).rebuilt.fidelity).toBe('reconstructed');
  });

  it('are none in versions from before the log', async () => {
    for (const recorded of all.filter((each) => !each.logged && each.name !== 'logged')) {
      for (const opened of await sessionsOf(recorded)) {
        expect(await collect(opened.requests()), labelOf(recorded)).toEqual([]);
      }
    }
  });
});

describe('one changed character', () => {
  /** A copy of a recording with one transcript changed. */
  async function tampered(recorded: RecordedScenario, change: (line: Loose) => void): Promise<OpenSession[]> {
    const folder = await mkdtemp(join(tmpdir(), 'forkpoint-tampered-'));
    try {
      await cp(recorded.claudeDir, folder, { recursive: true });
      const store = storeOf({ ...recorded, claudeDir: folder });
      const opened: OpenSession[] = [];
      for (const session of recorded.sessions) {
        const file = join(folder, session.slice(recorded.claudeDir.length));
        const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
        const changed = lines.map((text) => {
          const line = JSON.parse(text) as Loose;
          change(line);
          return JSON.stringify(line);
        });
        await writeFile(file, `${changed.join('\n')}\n`);
        opened.push(await store.open(file));
      }
      // Requests are rebuilt from the file, which is to be there while they are.
      for (const session of opened) await collect(session.requests());
      return opened;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  const changes: [string, (line: Loose) => void][] = [
    [
      'of a prompt',
      (line) => {
        // What Claude Code put beside it stands with it in a blob of the log.
        edit(line, 'user', 'capital of France', 'Capital of France');
        edit(line, 'api-request-blob', 'capital of France', 'Capital of France');
      },
    ],
    ['of a reply', (line) => edit(line, 'assistant', 'Paris', 'Pariz')],
    ['of the system prompt', (line) => edit(line, 'api-request-shape', 'Claude', 'Klaude')],
    ['of a parameter', (line) => edit(line, 'api-request', '"max_tokens":', '"max_tokens":1')],
  ];

  function edit(line: Loose, type: string, from: string, to: string): void {
    if (line.type === type) Object.assign(line, JSON.parse(JSON.stringify(line).replace(from, to)));
  }

  it.each(changes)('%s: no request that holds it is exact any more', async (_what, change) => {
    for (const recorded of logged.filter(({ name }) => name === 'plain')) {
      const sent = recorded.captured.map((request) => comparable(request.body));
      let falsified = 0;
      for (const opened of await tampered(recorded, change)) {
        for (const rebuilt of await collect(opened.requests())) {
          if (rebuilt.fidelity === 'exact') expect(sent).toContain(comparable(rebuilt.request as Loose));
          else falsified += 1;
        }
      }
      expect(falsified, labelOf(recorded)).toBeGreaterThanOrEqual(2);
    }
  });
});

describe('a fork', () => {
  it('before a turn sends what was sent there, with the prompt in its place', async () => {
    let compared = 0;
    for (const recorded of logged) {
      for (const session of await sessionsOf(recorded)) {
        const log = new Set((await collect(session.requests())).map((request) => request.responseMessageId));
        const turns = await wholeTurns(session);
        for (const turn of turns) {
          const fork = await session.forkAt({ turn: turn.index });
          const label = `${labelOf(recorded)} turn ${turn.index}`;
          expect(fork.recordedPrompt, label).toBe(turn.prompt);
          if (!isCommand(turn.prompt))
            expect(textAt(fork.rebuilt.request, fork.rebuilt.promptAt), label).toBe(turn.prompt);
          expect(withoutSpilled(fork.following[0]?.steps), label).toEqual(withoutSpilled(turn.steps));
          const first = turn.steps[0];
          if (first === undefined || first.error !== null) continue;
          const captured = capturedReply(recorded, first.messageId);
          if (log.has(first.messageId)) {
            expect(fork.rebuilt, label).toMatchObject({ ...claimFor(fork.rebuilt), betas: captured.betas });
            expect(comparable(fork.rebuilt.request), label).toBe(knownPart(captured.body, fork.rebuilt.fidelity));
            compared += 1;
          } else {
            // A fork does not copy the log of what it copies.
            expect(fork.rebuilt.fidelity, label).toBe('reconstructed');
            if (recorded.name === 'titled') continue;
            expect(withoutCache({ messages: fork.rebuilt.request.messages }), label).toBe(
              withoutCache({ messages: captured.body.messages }),
            );
          }
          expect(fork.rebuilt.inputTokens, label).toBe(
            first.usage.inputTokens + first.usage.cacheReadTokens + first.usage.cacheWriteTokens,
          );
        }
      }
    }
    expect(compared).toBeGreaterThan(80);
  });

  it('before every reply and after its last result sends the same', async () => {
    let compared = 0;
    for (const recorded of logged) {
      for (const session of await sessionsOf(recorded)) {
        const log = new Set((await collect(session.requests())).map((request) => request.responseMessageId));
        for (const turn of session.session.turns) {
          for (const [at, step] of turn.steps.entries()) {
            if (!log.has(step.messageId)) continue;
            const label = `${labelOf(recorded)} turn ${turn.index} step ${step.index}`;
            const captured = capturedReply(recorded, step.messageId);
            const before = await session.forkAt({ before: step.uuids[0] ?? '' });
            const sent = knownPart(captured.body, before.rebuilt.fidelity);
            expect(comparable(before.rebuilt.request), label).toBe(sent);
            const claim = claimFor(before.rebuilt);
            expect(before, label).toMatchObject({ recordedPrompt: null, rebuilt: { ...claim, promptAt: null } });
            compared += 1;
            const results = turn.steps[at - 1]?.toolCalls.flatMap((call) => call.result?.uuid ?? []) ?? [];
            const last = (await collect(session.messages())).findLast((message) => results.includes(message.uuid));
            if (last === undefined) continue;
            const after = await session.forkAt({ after: last.uuid });
            expect(comparable(after.rebuilt.request), label).toBe(sent);
            expect(after.following[0]?.steps[0]?.messageId, label).toBe(step.messageId);
          }
        }
      }
    }
    expect(compared).toBeGreaterThan(150);
  });

  it('of a subagent sends what the subagent sent', async () => {
    let compared = 0;
    for (const recorded of logged) {
      for (const file of recorded.subagents) {
        const session = await storeOf(recorded).open(file);
        const [turn] = session.session.turns;
        const { rebuilt, recordedPrompt } = await session.forkAt({ turn: 1 });
        const label = labelOf(recorded, file);
        expect(recordedPrompt, label).toBe(turn?.prompt);
        const first = turn?.steps[0];
        // It was stopped before its first reply.
        if (first === undefined) continue;
        const captured = capturedReply(recorded, first.messageId);
        expect(rebuilt, label).toMatchObject({ ...claimFor(rebuilt), betas: captured.betas });
        expect(comparable(rebuilt.request), label).toBe(knownPart(captured.body, rebuilt.fidelity));
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(8);
  });

  it('before a prompt that was refused sends the last try before the error', async () => {
    for (const recorded of named(logged, 'errors')) {
      const fork = await (await openNumber(recorded, 8)).forkAt({ turn: 2 });
      expect(fork.rebuilt, labelOf(recorded)).toMatchObject(claimFor(fork.rebuilt));
      const { fidelity, request } = fork.rebuilt;
      expect(recorded.captured.map(({ body }) => knownPart(body, fidelity))).toContain(comparable(request));
      expect(fork.rebuilt.inputTokens).toBeNull();
    }
  });

  it('before a compaction sends what was there then', async () => {
    for (const recorded of named(all, 'compacted')) {
      const opened = await openNumber(recorded, 11);
      const before = JSON.stringify((await opened.forkAt({ turn: 2 })).rebuilt.request.messages);
      expect(before, labelOf(recorded)).toContain('Long ago I said this.');
      expect(before).not.toContain('This session is being continued');
      const after = JSON.stringify((await opened.forkAt({ turn: 4 })).rebuilt.request.messages);
      expect(after).toContain('This session is being continued');
      expect(after).not.toContain('Long ago I said this.');
    }
  });

  it('keeps the picture beside its prompt', async () => {
    for (const recorded of named(all, 'image')) {
      const { rebuilt } = await (await openNumber(recorded, 6)).forkAt({ turn: 1 });
      expect(textAt(rebuilt.request, rebuilt.promptAt), labelOf(recorded)).toBe('What is in this picture?');
      expect(JSON.stringify(rebuilt.request.messages[rebuilt.promptAt?.message ?? -1])).toContain(
        redPng.toString('base64'),
      );
    }
  });
});

describe('sessions from before the request log', () => {
  it('are reconstructed into legal requests that say what is missing', async () => {
    let compared = 0;
    for (const recorded of all.filter((each) => !each.logged && each.name !== 'logged')) {
      for (const opened of await sessionsOf(recorded)) {
        for (const turn of opened.session.turns) {
          const { rebuilt, recordedPrompt } = await opened.forkAt({ turn: turn.index });
          const label = `${labelOf(recorded)} turn ${turn.index}`;
          expect(rebuilt, label).toMatchObject({ fidelity: 'reconstructed', digestVerified: false, betas: [] });
          expect(rebuilt.missing.join(', '), label).toMatch(/system prompt.*parameters/s);
          checkLegal(rebuilt.request, label);
          checkAlternating(rebuilt.request, label);
          if (turn.prompt === '') continue;
          expect(recordedPrompt, label).toBe(turn.prompt);
          if (!isCommand(turn.prompt)) expect(textAt(rebuilt.request, rebuilt.promptAt), label).toBe(turn.prompt);
          if (turn.models.length > 0) expect(rebuilt.request.model, label).toBe(turn.models[0]);
          compared += 1;
        }
      }
    }
    expect(compared).toBeGreaterThan(60);
  });

  it('hold every reply and every tool result of the history that was really sent', async () => {
    const blocks = (messages: Loose[], type: string): unknown[] =>
      messages
        .flatMap(({ content }) => (Array.isArray(content) ? (content as Loose[]) : []))
        .filter((block) => block.type === type)
        .map(({ tool_use_id, id, name, text, content }) => ({ tool_use_id, id, name, text, content }));
    for (const recorded of named(all, 'tools').filter((each) => !each.logged)) {
      const opened = await openNumber(recorded, 2);
      const { rebuilt } = await opened.forkAt({ turn: 2 });
      const sent = capturedReply(recorded, opened.session.turns[1]?.steps[0]?.messageId ?? '').body.messages as Loose[];
      const rebuiltMessages = rebuilt.request.messages as unknown as Loose[];
      const replies = (messages: Loose[]) => messages.filter(({ role }) => role === 'assistant');
      for (const type of ['text', 'tool_use']) {
        expect(blocks(replies(rebuiltMessages), type), `${labelOf(recorded)} ${type}`).toEqual(
          blocks(replies(sent), type),
        );
      }
      const ids = (messages: Loose[]) => blocks(messages, 'tool_result').map((block) => (block as Loose).tool_use_id);
      expect(ids(rebuiltMessages), labelOf(recorded)).toEqual(ids(sent));
    }
  });
});
