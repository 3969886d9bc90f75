import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSessionStore } from '../../../../src/adapters/sessions/createSessionStore.ts';
import { FileSession } from '../../../support/fileSession.ts';
import { sha256 } from '../../../support/transcript.ts';

let claudeDir: string;

beforeEach(() => {
  claudeDir = mkdtempSync(join(tmpdir(), 'forked-'));
});

afterEach(() => rmSync(claudeDir, { recursive: true, force: true }));

function put(path: string, content: string): string {
  const file = join(claudeDir, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** A fork that took its lines over from `parent`, and the copies only there. */
async function forkOf(parent: string) {
  const name = '0123456789abcdef@v1';
  const session = new FileSession();
  const prompt = session.prompt('Edit it.');
  session.snapshot(prompt, { 'a.txt': name });
  session.edit('/work/slug/a.txt', 'one', 'two', { original: 'one\n' });
  for (const line of session.transcript.lines)
    if ('uuid' in line) line.forkedFrom = { sessionId: parent, messageUuid: line.uuid };
  put(`file-history/parent/${name}`, 'one\n');
  const file = put('projects/-work-slug/fork.jsonl', session.transcript.text());
  const open = await createSessionStore({ claudeDirs: [claudeDir], sha256 }).open(file);
  return (await open.files(1, { git: false })).files.find(
    ({ path }) => path === '/work/slug/a.txt' || path === 'a.txt',
  );
}

it('a fork finds the copies that the session had made from which it was forked', async () => {
  expect(await forkOf('parent')).toMatchObject({ before: { source: 'checkpoint' } });
  expect((await forkOf('somebody else'))?.before).not.toMatchObject({ source: 'checkpoint' });
});
