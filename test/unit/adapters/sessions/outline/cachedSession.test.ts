import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSessionStore } from '../../../../../src/adapters/sessions/createSessionStore.ts';
import { OpenSessions } from '../../../../../src/adapters/sessions/openSessions.ts';
import { OutlineIndex } from '../../../../../src/adapters/sessions/outline/outlineIndex.ts';
import { doWaiting } from '../../../../../src/adapters/whenIdle.ts';
import { NotFoundError } from '../../../../../src/core/errors.ts';
import type { OpenSession } from '../../../../../src/core/fork/sessionStore.ts';
import { MemoryOutlines } from '../../../../support/memoryOutlines.ts';
import { collect } from '../../../../support/openRecordings.ts';
import { forkOf } from '../../../../support/readingProperties.ts';
import { logRequest } from '../../../../support/requestLog.ts';
import { sha256, TranscriptBuilder } from '../../../../support/transcript.ts';

let folder: string;
let file: string;
let outlines: MemoryOutlines;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'remembered-'));
  file = join(folder, 'session-1.jsonl');
  outlines = new MemoryOutlines();
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As another process would. */
async function openAnew(remembered: MemoryOutlines | null = outlines): Promise<OpenSession> {
  doWaiting();
  return new OpenSessions(sha256, remembered).open(file);
}

/** Ten turns whose requests are logged, each with a call. */
function tenTurns(): TranscriptBuilder {
  const builder = new TranscriptBuilder();
  for (let turn = 1; turn <= 10; turn += 1) {
    const prompt = `Prompt ${turn}`;
    builder.prompt(prompt);
    logRequest(builder, { id: `request-${turn}`, messages: [{ role: 'user', content: prompt }], blobs: [0] });
    const fields = { requestRef: `request-${turn}` };
    builder.reply(`Reply ${turn}`, [{ id: `call-${turn}`, result: `Result ${turn}` }], { fields });
  }
  return builder;
}

const cases = join(import.meta.dirname, '../../../../fixtures/cases');

/** Every session of the cases. */
function caseSessions(): string[] {
  return readdirSync(cases, { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.jsonl'));
}

function write(text: string, seconds = 1_790_000_000): void {
  writeFileSync(file, text);
  utimesSync(file, seconds, seconds);
}

function writeSubagent(text: string): void {
  const own = join(folder, 'session-1', 'subagents');
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'agent-a1.jsonl'), text);
  writeFileSync(join(own, 'agent-a1.meta.json'), JSON.stringify({ agentType: 'Explore', toolUseId: 'call-3' }));
}

function subagentOf(prompt: string): string {
  const builder = new TranscriptBuilder();
  builder.prompt(prompt, { isSidechain: true, agentId: 'a1' });
  return builder.text();
}

it('what was deleted is forgotten by the next listing', async () => {
  const claudeDir = join(folder, 'claude');
  const project = join(claudeDir, 'projects', '-work');
  mkdirSync(project, { recursive: true });
  const paths = ['kept', 'deleted'].map((name) => join(project, `${name}.jsonl`));
  for (const path of paths) writeFileSync(path, tenTurns().text());
  const index = join(folder, 'index');
  const sessions = () => createSessionStore({ claudeDirs: [claudeDir], index, sha256 });
  await sessions().list();
  for (const path of paths) new OutlineIndex(index).put(path, [['scan', 'what it said']], 1);
  rmSync(paths[1] ?? '');
  await sessions().list();
  expect(paths.map((path) => new OutlineIndex(index).get(path, 'scan'))).toEqual(['what it said', null]);
});

describe('a session that another process has understood', () => {
  it('is shown without a look at more of its file than is asked for', async () => {
    const text = tenTurns().text();
    write(text);
    const before = await openAnew();
    const shown = {
      session: before.session,
      turns: await before.turns([2, 9]),
      fork: await before.forkAt({ turn: 2 }),
    };
    doWaiting();
    // Whoever reads all of it meets this.
    write(text.replace('"Reply 5"', '"Reply 5 '));
    outlines.restamp(file);
    expect((await openAnew(null)).session.problems).toHaveLength(1);
    const again = await openAnew();
    expect(again.session).toEqual(shown.session);
    expect(await again.turns([2, 9])).toEqual(shown.turns);
    expect(await again.forkAt({ turn: 2 })).toEqual(shown.fork);
    expect(shown.fork.rebuilt.fidelity).toBe('exact');
    expect(shown.turns[1]?.steps[0]?.toolCalls[0]?.result?.content).toBe('Result 9');
  });

  it('knows the request of an early fork from the records before its reply', async () => {
    write(tenTurns().text());
    const whole = await openAnew();
    const again = await openAnew();
    outlines.asked.length = 0;
    expect(await again.forkAt({ turn: 2 }, 3)).toEqual(await whole.forkAt({ turn: 2 }, 3));
    expect(outlines.asked).not.toContain('scan');
    // Where only a later record says that a hook has changed what was sent, all of them are asked.
    const builder = tenTurns();
    const requestHookChanged = { record: 'request-2' };
    builder.reply('Reply 11', [], { fields: { requestRef: 'request-10', requestHookChanged } });
    write(builder.text(), 1_790_000_001);
    const changed = await openAnew();
    outlines.asked.length = 0;
    expect((await (await openAnew()).forkAt({ turn: 2 })).rebuilt.missing).toEqual(
      (await changed.forkAt({ turn: 2 })).rebuilt.missing,
    );
    expect(outlines.asked).toContain('scan');
  });

  it('shows behind an early fork the turns that stand behind it', async () => {
    const builder = new TranscriptBuilder();
    const prompt = builder.prompt('Prompt 1');
    builder.prompt('Taken back before the reply');
    builder.goTo(prompt);
    builder.chained('attachment', { attachment: { type: 'date' } });
    logRequest(builder, { id: 'request-1', messages: [{ role: 'user', content: 'Prompt 1' }], blobs: [0] });
    builder.reply('Reply 1', [], { fields: { requestRef: 'request-1' } });
    write(builder.text());
    const whole = await (await openAnew()).forkAt({ turn: 1 });
    const again = await openAnew();
    outlines.asked.length = 0;
    expect(await again.forkAt({ turn: 1 })).toEqual(whole);
    expect(whole.following.map((turn) => turn.prompt)).toEqual(['Prompt 1']);
    expect(outlines.asked).not.toContain('scan');
  });

  it.each(caseSessions())('sends of a stranger’s session what reading it whole sends (%s)', async (path) => {
    write(readFileSync(join(cases, path), 'utf8'));
    const whole = await openAnew();
    for (const { index } of whole.session.turns) {
      const again = await openAnew();
      expect(await forkOf(again, index)).toEqual(await forkOf(whole, index));
    }
  });

  it('finds spilled output where Claude Code says that it is', async () => {
    const builder = new TranscriptBuilder();
    builder.prompt('Build it');
    const said = (path: string) => `<persisted-output>\nFull output saved to: ${path}\n</persisted-output>`;
    builder.reply('I build', [
      { id: 'call-1', result: said('/elsewhere/cut…') },
      { id: 'call-2', result: 'short' },
    ]);
    const spilled = join(folder, 'output.txt');
    writeFileSync(spilled, 'All of it');
    const lines = builder.lines.map((line) =>
      line.sourceToolAssistantUUID === undefined
        ? line
        : { ...line, toolUseResult: { stdout: 'cut', persistedOutputPath: spilled } },
    );
    write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const before = await (await openAnew()).turns([1]);
    expect(before[0]?.steps[0]?.toolCalls.map(({ result }) => result?.spilled?.path)).toEqual([spilled, undefined]);
    expect(await (await openAnew()).turns([1])).toEqual(before);
  });

  it('answers what takes all of its records', async () => {
    write(tenTurns().text());
    const before = await openAnew();
    const again = await openAnew();
    const point = { after: before.session.turns[3]?.steps[0]?.uuids[0] ?? '' };
    await expect(again.forkAt(point)).resolves.toEqual(await before.forkAt(point));
    expect(await collect(again.messages())).toEqual(await collect(before.messages()));
    expect(await collect(again.requests())).toEqual(await collect(before.requests()));
    await expect(again.forkAt({ turn: 11 })).rejects.toThrow('The session has no turn 11');
  });

  it('is read where its file has grown', async () => {
    const builder = tenTurns();
    write(builder.text());
    await openAnew();
    const before = builder.text().length;
    builder.prompt('The last one');
    appendFileSync(file, builder.text().slice(before));
    expect((await openAnew()).session.turns.at(-1)?.prompt).toBe('The last one');
  });

  it('answers where it is no longer remembered since', async () => {
    write(tenTurns().text());
    const shown = await openAnew();
    const again = await openAnew();
    outlines.put(file, []);
    expect(() => again.session.turns[1]?.steps).toThrow(NotFoundError);
    expect(await again.turns([2, 9])).toEqual(await shown.turns([2, 9]));
    await expect(again.forkAt({ turn: 2 })).resolves.toEqual(await shown.forkAt({ turn: 2 }));
  });

  it('is read where one of its subagents has gone on, and shown with them where none has', async () => {
    write(tenTurns().text());
    writeSubagent(subagentOf('Look around'));
    const { session } = await openAnew();
    expect(session.subagents).toMatchObject([{ agentId: 'a1', agentType: 'Explore', messages: 1, turnId: 'u9' }]);
    expect((await openAnew()).session).toEqual(session);
    writeSubagent(subagentOf('Look around') + subagentOf('And again').replace('"u1"', '"u2"'));
    expect((await openAnew()).session.subagents).toMatchObject([{ messages: 2 }]);
    // That was remembered in turn.
    expect((await openAnew()).session.subagents).toMatchObject([{ messages: 2 }]);
  });

  it('is not mixed with another one that took its place while it was open', async () => {
    write(tenTurns().text());
    await openAnew();
    const open = await openAnew();
    const other = new TranscriptBuilder({ uuidOf: (serial) => `other-${serial}` });
    other.prompt('Something else');
    write(other.text(), 1_790_000_001);
    await expect(collect(open.messages())).rejects.toThrow('was replaced while it was open');
  });
});
