import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findSetupOffers } from '../../../../src/adapters/places/findSetupOffers.ts';

let root = '';

beforeEach(async () => {
  root = await realpath(await mkdtemp(path.join(tmpdir(), 'setup-offers-')));
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), content);
  }
}

it('reads each tool’s own form, and offers in one order', async () => {
  await write({
    'conductor.json': '{ "scripts": { "setup": "make" } }',
    '.kilo/setup-script.sh': 'npm ci\n',
    '.codex/environments/b.toml': 'version = 1\nname = "b"\n[setup]\nscript = """\nnpm ci\nnpm run build\n"""\n',
    '.codex/environments/a.toml':
      "[setup]\nscript = ''\n[setup.linux]\nscript = 'apt'\n[setup.darwin]\nscript = 'brew'\n",
    '.cursor/worktrees.json': '\uFEFF{ "setup-worktree": ["npm ci"] }',
    '.vscode/tasks.json':
      '{ // a comment\n "tasks": [{ "type": "shell", "command": "pnpm i", "runOptions": { "runOn": "worktreeCreated" }, }], }',
    '.claude/settings.json': '{ "worktree": { "symlinkDirectories": ["node_modules", "absent"] } }',
    'node_modules/x': '',
  });
  const offers = await findSetupOffers(root);
  expect(offers.map(({ source }) => source)).toEqual([
    '.claude/settings.json',
    '.vscode/tasks.json',
    '.cursor/worktrees.json',
    '.codex/environments/a.toml',
    '.codex/environments/b.toml',
    'conductor.json',
    '.kilo/setup-script.sh',
  ]);
  expect(offers[0]?.commands).toEqual([`cp -R ${root}/node_modules node_modules`]);
  expect(offers[1]?.commands).toEqual(['pnpm i']);
  expect(offers[4]?.commands).toEqual(['npm ci && npm run build']);
});

it('offers nothing of a repository without any, nor of what is damaged or far too large', async () => {
  expect(await findSetupOffers(root)).toEqual([]);
  await write({
    'conductor.json': '{ "scripts": ',
    '.codex/environments/a.toml': '[setup\n',
    '.cursor/worktrees.json': `{ "setup-worktree": ["npm ci"], "x": "${'x'.repeat(300_000)}" }`,
  });
  expect(await findSetupOffers(root)).toEqual([]);
});
