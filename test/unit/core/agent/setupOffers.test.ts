import { describe, expect, test } from 'vitest';
import { type SetupFile, setupOffers } from '../../../../src/core/agent/setupOffers.ts';

const linux = { root: '/home/me/my shop', platform: 'linux' };
const offer = (file: SetupFile, site = linux) => setupOffers([file], site)[0]?.commands ?? null;
const cursor = (data: unknown) => ({ path: '.cursor/worktrees.json', data });
const codex = (data: unknown) => ({ path: '.codex/environments/environment.toml', data });
const tasks = (...list: unknown[]) => ({ path: '.vscode/tasks.json', data: { version: '2.0.0', tasks: list } });
const created = { runOptions: { runOn: 'worktreeCreated' } };

describe('set-up of other tools', () => {
  test('Cursor: commands of this system before those of all, with the root where they ask for it', () => {
    expect(offer(cursor({ 'setup-worktree': ['npm ci', 'cp "$ROOT_WORKTREE_PATH/.env" .env'] }))).toEqual([
      'npm ci',
      `export ROOT_WORKTREE_PATH='/home/me/my shop' && cp "$ROOT_WORKTREE_PATH/.env" .env`,
    ]);
    const both = cursor({ 'setup-worktree': ['a'], 'setup-worktree-unix': ['b'], 'setup-worktree-windows': ['c'] });
    expect(offer(both)).toEqual(['b']);
    expect(offer(both, { root: 'C:\\shop', platform: 'win32' })).toEqual(['c']);
  });

  test('Cursor: a script lies beside the file and may ask for the root', () => {
    expect(offer(cursor({ 'setup-worktree-unix': 'setup.sh' }))).toEqual([
      `export ROOT_WORKTREE_PATH='/home/me/my shop' && bash .cursor/setup.sh`,
    ]);
    expect(offer(cursor({ 'setup-worktree-unix': '../../elsewhere.sh' }))).toBeNull();
  });

  test('Codex: the script of this system, in one line that stops at a failure', () => {
    const setup = {
      script: 'npm ci\n\n# comment\ncp $CODEX_SOURCE_TREE_PATH/.env .\n',
      win32: { script: 'npm.cmd ci' },
    };
    expect(offer(codex({ version: 1, name: 'shop', setup }))).toEqual([
      `export CODEX_SOURCE_TREE_PATH='/home/me/my shop' && npm ci && cp $CODEX_SOURCE_TREE_PATH/.env .`,
    ]);
    expect(offer(codex({ setup }), { root: 'C:/shop', platform: 'win32' })).toEqual(['npm.cmd ci']);
    expect(offer(codex({ setup: { script: '' } }))).toBeNull();
    expect(offer(codex({ setup: { script: 'if [ -f x ]; then\n  npm ci\nfi' } }))).toEqual([
      `printf '%s\\n' 'if [ -f x ]; then' '  npm ci' fi | sh -e`,
    ]);
  });

  test('VS Code: shell, process and npm tasks that run in new worktrees', () => {
    const list = tasks(
      { label: 'i', type: 'shell', command: 'npm ci', ...created },
      {
        label: 'p',
        type: 'process',
        command: 'make',
        args: ['-C', 'web ui', { value: 'all', quoting: 'strong' }],
        ...created,
      },
      { label: 'n', type: 'npm', script: 'build', options: { cwd: '${workspaceFolder}/web' }, ...created },
      { label: 'o', type: 'shell', command: 'x', linux: { command: 'y' }, ...created },
      { label: 'w', type: 'shell', command: '${workspaceFolder}/setup.sh', ...created },
      { label: 'unknown', type: 'shell', command: 'echo ${input:name}', ...created },
      { label: 'other', type: 'shell', command: 'npm start' },
      'damaged',
    );
    expect(offer(list)).toEqual(['npm ci', `make -C 'web ui' all`, 'cd web && npm run build', 'y', './setup.sh']);
  });

  test('Conductor and Kilo', () => {
    expect(offer({ path: 'conductor.json', data: { scripts: { setup: './setup.sh', run: 'npm start' } } })).toEqual([
      `export CONDUCTOR_ROOT_PATH='/home/me/my shop' CONDUCTOR_WORKSPACE_PATH="$PWD" && ./setup.sh`,
    ]);
    expect(offer({ path: '.kilo/setup-script', data: null })).toEqual([
      `export REPO_PATH='/home/me/my shop' WORKTREE_PATH="$PWD" && sh .kilo/setup-script`,
    ]);
    expect(offer({ path: '.kilo/setup-script.ps1', data: null })).toBeNull();
  });

  test('Claude Code: folders are copied, for a link would lead a branch into the person’s own', () => {
    const data = { worktree: { symlinkDirectories: ['node_modules', 'web/.cache', '../other', '/etc', 7] } };
    expect(offer({ path: '.claude/settings.json', data })).toEqual([
      `cp -R '/home/me/my shop/node_modules' node_modules`,
      `mkdir -p web && cp -R '/home/me/my shop/web/.cache' web/.cache`,
    ]);
  });

  test('one order for all, each set once, and nothing that can’t be read or seen', () => {
    const files = [
      { path: 'conductor.json', data: [] },
      cursor({ 'setup-worktree': ['npm ci'] }),
      codex({ setup: { script: 'npm ci' } }),
      tasks({ type: 'shell', command: 'make', ...created }),
      cursor({ 'setup-worktree': ['npm ci \u202e; rm'] }),
      cursor({ 'setup-worktree': 7 }),
      cursor(null),
    ];
    expect(setupOffers(files, linux)).toEqual([
      { source: '.vscode/tasks.json', commands: ['make'] },
      { source: '.cursor/worktrees.json', commands: ['npm ci'] },
    ]);
  });
});
