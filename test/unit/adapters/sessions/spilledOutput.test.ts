import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSessionStore } from '../../../../src/adapters/sessions/createSessionStore.ts';
import { sha256, TranscriptBuilder } from '../../../support/transcript.ts';

let root = '';
let claudeDir = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'forkpoint-spilled-'));
  claudeDir = join(root, 'claude');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const project = () => join(claudeDir, 'projects', '-work');

async function put(file: string, text: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
}

/** What is read of an output that the transcript says lies at `path`. */
async function spilledAt(path: string): Promise<string | null | undefined> {
  const builder = new TranscriptBuilder();
  builder.prompt('Run it');
  const result = `<persisted-output>\nOutput too large (1MB). Full output saved to: ${path}\n\nPreview\n</persisted-output>`;
  builder.reply('Running.', [{ id: 'a', name: 'Bash', result }]);
  const file = await put(join(project(), 'session-1.jsonl'), builder.text());
  const opened = await createSessionStore({ claudeDirs: [claudeDir], sha256 }).open(file);
  const [turn] = await opened.turns([1]);
  return turn?.steps[0]?.toolCalls[0]?.result?.spilled?.text;
}

it('is read from the session’s own folder, wherever the recording says it was', async () => {
  await put(join(project(), 'session-1', 'tool-results', 'x.txt'), 'whole');
  expect(await spilledAt('/gone/projects/-work/session-1/tool-results/x.txt')).toBe('whole');
});

it('is read from the session that a fork was made of', async () => {
  const file = await put(join(project(), 'parent', 'tool-results', 'x.txt'), 'of the parent');
  expect(await spilledAt(file)).toBe('of the parent');
});

it('is not read from outside the project, by name or through a link', async () => {
  const outside = await put(join(root, 'secret.txt'), 'secret');
  expect(await spilledAt(outside)).toBeNull();
  expect(await spilledAt(join(project(), '..', '..', '..', 'secret.txt'))).toBeNull();
  await mkdir(join(project(), 'session-1', 'tool-results'), { recursive: true });
  await symlink(outside, join(project(), 'session-1', 'tool-results', 'y.txt'));
  expect(await spilledAt('/gone/y.txt')).toBeNull();
  await symlink(root, join(project(), 'linked'));
  expect(await spilledAt(join(project(), 'linked', 'secret.txt'))).toBeNull();
});

it('is no more than the recording holds where its file is gone', async () => {
  expect(await spilledAt('/gone/x.txt')).toBeNull();
});
