import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSessionStore } from '../../../../src/adapters/sessions/createSessionStore.ts';
import { NotFoundError } from '../../../../src/core/errors.ts';
import { damaged } from '../../../support/damage.ts';
import { randomSession } from '../../../support/randomSession.ts';
import { sha256, TranscriptBuilder } from '../../../support/transcript.ts';

/*
 * Faults of files and folders, by their numbers. More of them: createSessionStore.test.ts beside it (23 metadata only,
 * 26 folders and pipes, 27 links, 28 a file that may not be read), test/unit/core/session/faults.test.ts (1 to 22, in the
 * text of a file), test/unit/core/fork/ (32 to 34).
 */

let claudeDir = '';
let project = '';

beforeEach(() => {
  claudeDir = mkdtempSync(join(tmpdir(), 'faults-'));
  project = join(claudeDir, 'projects', '-work-slug-tools');
  mkdirSync(project, { recursive: true });
});
afterEach(() => rmSync(claudeDir, { recursive: true, force: true }));

const store = () => createSessionStore({ claudeDirs: [claudeDir], sha256 });

function conversation(
  sessionId: string,
  prompts: string[],
  uuidOf = (serial: number) => `u${serial}`,
): TranscriptBuilder {
  const builder = new TranscriptBuilder({ sessionId, uuidOf });
  for (const prompt of prompts) {
    builder.prompt(prompt);
    builder.reply('Done.');
  }
  return builder;
}

function write(name: string, content: string | Uint8Array): string {
  const file = join(project, `${name}.jsonl`);
  writeFileSync(file, content);
  return file;
}

describe('files that are too much', () => {
  it('fault 12: a line of 12 MB costs the list nothing but its reading', async () => {
    const builder = new TranscriptBuilder({ sessionId: 'image' });
    const source = { type: 'base64', media_type: 'image/png', data: 'A'.repeat(12_000_000) };
    builder.prompt([
      { type: 'image', source },
      { type: 'text', text: 'What is this?' },
    ]);
    builder.reply('A slug.');
    const file = write('image', builder.text());
    expect(await store().list()).toMatchObject([{ turns: 1, title: 'What is this?', problems: 0 }]);
    const { session } = await store().open(file);
    expect(session.turns).toMatchObject([{ prompt: 'What is this?', attachments: 1 }]);
    expect(JSON.stringify(session).length).toBeLessThan(10_000);
  });

  it('fault 13: a line longer than a text can be leaves the others readable', async () => {
    const file = write('huge', '');
    const handle = openSync(file, 'r+');
    // A hole in the file: it takes no room on the disk.
    const hole = 540_000_000;
    const before = conversation('huge', ['One']).text();
    const after = conversation('huge', ['Two'], (serial) => `after-${serial}`).text();
    writeSync(handle, before, 0);
    ftruncateSync(handle, before.length + hole);
    writeSync(handle, `\n${after}`, before.length + hole);
    closeSync(handle);
    const [listed] = await store().list();
    const { session } = await store().open(file);
    expect(session.turns.map(({ prompt }) => prompt)).toEqual(['One', 'Two']);
    expect(session.problems.map(({ line, kind }) => [line, kind])).toEqual([[3, 'too_long']]);
    expect(listed).toMatchObject({ turns: 2, problems: 1 });
  }, 60_000);

  it('fault 29: ten thousand files in one folder are listed with few open at a time, and other work goes on', async () => {
    for (let index = 0; index < 10_000; index += 1)
      write(
        `s${index}`,
        `{"type":"user","uuid":"u${index}","parentUuid":null,"message":{"role":"user","content":"Prompt ${index}"}}\n`,
      );
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    let most = 0;
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
      most = Math.max(most, open());
    }, 1);
    const listed = await store()
      .list()
      .finally(() => clearInterval(timer));
    expect(new Set(listed.map(({ title }) => title)).size).toBe(10_000);
    expect(ticks).toBeGreaterThan(20);
    expect(most - before).toBeLessThan(40);
  }, 60_000);
});

describe('files that change under the reader', () => {
  it('fault 1: a torn last line is held by the list too, and read when it is whole', async () => {
    const whole = conversation('torn', ['One', 'Two', 'Three']).text();
    const cut = whole.lastIndexOf('"Three"') + 4;
    const file = write('torn', whole.slice(0, cut));
    const sessions = store();
    expect(await sessions.list()).toMatchObject([{ turns: 2, problems: 1 }]);
    appendFileSync(file, whole.slice(cut));
    expect(await sessions.list()).toMatchObject([{ turns: 3, problems: 0 }]);
  });

  it('fault 24: a file that was cut or replaced is read anew', async () => {
    const file = write('one', conversation('one', ['One', 'Two']).text());
    const sessions = store();
    await sessions.list();
    writeFileSync(file, conversation('one', ['Else']).text());
    expect(await sessions.list()).toMatchObject([{ turns: 1, title: 'Else' }]);
    expect((await sessions.open(file)).session.turns.map(({ prompt }) => prompt)).toEqual(['Else']);
  });

  it('fault 24: what was opened is never mixed with what took its place', async () => {
    const file = write('one', conversation('one', ['One', 'Two']).text());
    const open = await store().open(file);
    writeFileSync(file, conversation('one', ['Something else that is much longer than it was']).text());
    const turns = await open.turns([1, 2]).catch((error: unknown) => error);
    if (turns instanceof Error) expect(turns).toMatchObject({ hint: expect.stringMatching(/./) });
    else expect(turns).toMatchObject([{ prompt: 'One' }, { prompt: 'Two' }]);
  });

  it('fault 25: a file that is gone is gone from the list, and opening it says so', async () => {
    const file = write('one', conversation('one', ['One']).text());
    const sessions = store();
    const open = await sessions.open(file);
    expect(await sessions.list()).toHaveLength(1);
    rmSync(file);
    expect(await sessions.list()).toEqual([]);
    await expect(sessions.open('one')).rejects.toThrow(NotFoundError);
    await expect(sessions.open(file)).rejects.toThrow(NotFoundError);
    const turns = await open.turns([1]).catch((error: unknown) => error);
    if (turns instanceof Error) expect(turns).toMatchObject({ hint: expect.stringMatching(/./) });
    else expect(turns).toMatchObject([{ prompt: 'One' }]);
  });

  it('fault 26: a pipe that took a file’s place blocks nobody', async () => {
    const file = write('one', conversation('one', ['One']).text());
    const sessions = store();
    await sessions.list();
    rmSync(file);
    execFileSync('/usr/bin/mkfifo', [file]);
    expect(await sessions.list()).toEqual([]);
    await expect(sessions.open(file)).rejects.toThrow(NotFoundError);
  });

  it('fault 26: a pipe beside a session blocks nobody either', async () => {
    const file = write('one', conversation('one', ['One']).text());
    const own = join(dirname(file), 'one', 'subagents');
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, 'agent-a1.jsonl'), conversation('one', ['Look']).text());
    for (const name of ['custom-title.json', 'subagents/agent-a1.meta.json', 'subagents/agent-a2.jsonl'])
      execFileSync('/usr/bin/mkfifo', [join(dirname(file), 'one', name)]);
    expect(await store().list()).toMatchObject([{ title: 'One' }]);
    expect((await store().open(file)).session.subagents).toMatchObject([{ agentId: 'a1', agentType: null }]);
  });

  it('fault 27: a link that took a file’s place is not followed', async () => {
    const secret = join(claudeDir, 'secret.jsonl');
    writeFileSync(secret, conversation('secret', ['Secret']).text());
    const sessions = store();
    const file = write('one', conversation('one', ['One']).text());
    await sessions.list();
    rmSync(file);
    symlinkSync(secret, file);
    expect(await sessions.list()).toEqual([]);
    await expect(sessions.open(file)).rejects.toThrow(NotFoundError);
    rmSync(file);
    symlinkSync(file, file);
    expect(await sessions.list()).toEqual([]);
  });
});

describe('damaged files', () => {
  it('show the same problems in the list as when they are opened', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const { bytes } = randomSession(seed, 25);
      const places = [0.2, 0.5, 0.8].map((part) => Math.floor(bytes.length * part));
      const debris = ['\0\0\0', '}{', '"', '\n', '\u00ff'].map((text) => new TextEncoder().encode(text));
      const edits = places.map((at, index) => ({
        at,
        drop: (seed * 7) % 90,
        insert: debris[(seed + index) % 5] ?? bytes,
      }));
      const file = write('damaged', damaged(bytes, edits));
      const [listed] = await store().list();
      const { session } = await store().open(file);
      expect({ seed, problems: listed?.problems, turns: listed?.turns }).toEqual({
        seed,
        problems: session.problems.length,
        turns: session.turns.length,
      });
    }
  });
});
