import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { OpenSession } from '../../../src/core/fork/sessionStore.ts';
import type { Turn } from '../../../src/core/session/recordedSession.ts';
import { collect, type Loose, labelOf, storeOf, wholeTurns } from '../../support/openRecordings.ts';
import { type RecordedScenario, recordEverySession } from '../../support/recordSessions.ts';
import type { CapturedRequest } from '../../support/stage.ts';

interface Opened {
  recorded: RecordedScenario;
  file: string;
  label: string;
  opened: OpenSession;
  turns: Turn[];
}

let all: RecordedScenario[] = [];
let opened: Opened[] = [];

async function openAll(recorded: RecordedScenario): Promise<Opened[]> {
  const store = storeOf(recorded);
  const found: Opened[] = [];
  for (const file of [...recorded.sessions, ...recorded.subagents]) {
    const session = await store.open(file);
    found.push({ recorded, file, label: labelOf(recorded, file), opened: session, turns: await wholeTurns(session) });
  }
  return found;
}

beforeAll(async () => {
  all = await recordEverySession();
  opened = (await Promise.all(all.map(openAll))).flat();
}, 600_000);

/** Requests that a conversation consists of: no aside, no summary of a compaction. */
function ofConversations(recorded: RecordedScenario): CapturedRequest[] {
  return recorded.captured.filter(
    ({ aside, sent }) => !aside && sent !== null && !JSON.stringify(sent.content).includes('<summary>'),
  );
}

function stepsOf(of: readonly Opened[]) {
  return of.flatMap(({ recorded, label, turns }) =>
    turns.flatMap((turn) => turn.steps.map((step) => ({ recorded, label, turn, step }))),
  );
}

describe('every file that any version wrote', () => {
  it('parses without a problem', () => {
    expect(opened.length).toBeGreaterThan(100);
    for (const { label, opened: session } of opened) expect(session.session.problems, label).toEqual([]);
  });

  it('is listed with what a whole parse finds', async () => {
    for (const recorded of all) {
      const listed = await storeOf(recorded).list();
      const whole = opened.filter(({ recorded: of, file }) => of === recorded && recorded.sessions.includes(file));
      for (const summary of listed) {
        const session = whole.find(({ file }) => file === summary.file)?.opened.session;
        expect(summary, labelOf(recorded, summary.file)).toEqual(session?.summary);
        expect(summary.turns).toBe(session?.turns.length);
      }
      // Old versions make an empty file for a session that never began.
      const begun = await Promise.all(recorded.sessions.map(async (file) => (await readFile(file)).length > 0));
      expect(listed.length, labelOf(recorded)).toBe(begun.filter(Boolean).length);
    }
  });

  it('is read only', async () => {
    for (const recorded of all) {
      const before = await folderHash(recorded.claudeDir);
      const store = storeOf(recorded);
      await store.list();
      for (const file of [...recorded.sessions, ...recorded.subagents]) {
        const session = await store.open(file);
        await collect(session.messages());
        await collect(session.requests());
        // 2.0 ends without waiting for the answers to what it asks ahead of time; without a reply no model is known.
        if (session.session.summary.models.length === 0) continue;
        for (const { index } of session.session.turns) await session.forkAt({ turn: index });
      }
      expect(await folderHash(recorded.claudeDir), labelOf(recorded)).toBe(before);
    }
  });

  it('gives every message once, in the order of the file', async () => {
    for (const { file, label, opened: session } of opened) {
      const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
      const written = lines
        .map((line) => JSON.parse(line) as Loose)
        .filter((line) => line.type === 'user' || line.type === 'assistant');
      const uuids = (await collect(session.messages())).map((message) => message.uuid);
      expect(uuids, label).toEqual(written.map((line) => line.uuid));
    }
  });
});

describe('the replies of every version', () => {
  it('are steps with the content, model, usage and stop reason that the API sent', () => {
    let compared = 0;
    for (const { recorded, label, step } of stepsOf(opened)) {
      if (step.error !== null) continue;
      const { sent, whole } = recorded.captured.find(({ responseId }) => responseId === step.messageId) ?? {};
      expect(sent, `${label} ${step.messageId} was never sent`).toBeTruthy();
      if (sent == null || whole !== true) continue;
      const at = `${label} ${step.messageId}`;
      // Claude Code writes the defaults of a tool's input down: a little more than was sent.
      expect(step.content, at).toMatchObject(sent.content as object[]);
      expect(step.content.length, at).toBe(sent.content.length);
      expect(step.model, at).toBe(sent.model);
      expect(step.stopReason, at).toBe(sent.stop_reason);
      expect(step.usage, at).toEqual({
        inputTokens: sent.usage.input_tokens,
        outputTokens: sent.usage.output_tokens,
        cacheReadTokens: sent.usage.cache_read_input_tokens,
        cacheWriteTokens: sent.usage.cache_creation_input_tokens,
      });
      compared += 1;
    }
    expect(compared).toBeGreaterThan(300);
  });

  it('are all there, each once in a file', () => {
    for (const recorded of all) {
      const files = opened.filter((session) => session.recorded === recorded);
      for (const { label, turns } of files) {
        const ids = turns.flatMap((turn) => turn.steps.map((step) => step.messageId));
        // 2.0 writes the beginning of a session with a picture anew when it resumes it.
        if (recorded.version === '2.0.76' && recorded.name === 'image') continue;
        expect(ids, label).toEqual([...new Set(ids)]);
      }
      const found = new Set(stepsOf(files).map(({ step }) => step.messageId));
      for (const { sent, whole } of ofConversations(recorded)) {
        if (whole && sent !== null) expect([...found], labelOf(recorded)).toContain(sent.id);
      }
    }
  });

  it('are counted once in the usage of their turn', () => {
    for (const { recorded, label, turns } of opened) {
      for (const turn of turns) {
        const sent = turn.steps.flatMap(
          (step) => recorded.captured.find(({ responseId }) => responseId === step.messageId) ?? [],
        );
        if (sent.some(({ whole }) => !whole)) continue;
        const output = sent.reduce((sum, request) => sum + (request.sent?.usage.output_tokens ?? 0), 0);
        expect(turn.usage.outputTokens, `${label} turn ${turn.index}`).toBe(output);
      }
    }
  });

  it('have the tool results that went back to the API', () => {
    let compared = 0;
    for (const { recorded, label, step } of stepsOf(opened)) {
      for (const call of step.toolCalls) {
        const sent = sentResult(recorded, call.id);
        if (sent === undefined) continue;
        const at = `${label} ${call.id}`;
        expect(call.result?.isError, at).toBe(sent.is_error === true);
        expect(textsOf(call.result?.content), at).toEqual(textsOf(sent.content));
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(100);
  });
});

/** The block that answered this call in the first request that held it. */
function sentResult(recorded: RecordedScenario, id: string): Loose | undefined {
  return recorded.captured
    .flatMap(({ body }) => body.messages as Loose[])
    .flatMap(({ content }) => (Array.isArray(content) ? (content as Loose[]) : []))
    .find((block) => block.type === 'tool_result' && block.tool_use_id === id);
}

/** Texts and pictures of a result, without what Claude Code puts behind it for the model alone. */
function textsOf(content: unknown): string[] {
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : ((content ?? []) as Loose[]);
  return blocks.map((block) => {
    if (block.type !== 'text') return JSON.stringify((block.source as Loose | undefined)?.data);
    return String(block.text)
      .replaceAll(/\n*<system-reminder>[\s\S]*?<\/system-reminder>\n*/g, '')
      .trimEnd();
  });
}

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
