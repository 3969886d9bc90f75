import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { PlaceInfo } from '../../../../src/core/agent/agentPorts.ts';
import type { RunId } from '../../../../src/core/ids.ts';
import { placeCommands } from '../../../../src/views/places/placeCommands.ts';
import { placeRow, placesSummary } from '../../../../src/views/places/placeRows.ts';
import type { RunList } from '../../../../src/views/runTree/runList.ts';
import type { ServiceProvider } from '../../../../src/views/viewServices.ts';
import { branch, run } from '../support/runs.ts';

const editor = vi.hoisted(() => ({
  terminals: [] as Record<string, unknown>[],
  executed: [] as unknown[][],
}));

vi.mock('vscode', async () => {
  const { FakeUri } = await import('../support/fakeUri.ts');
  return {
    Uri: FakeUri,
    ThemeIcon: class {},
    QuickPickItemKind: { Separator: -1 },
    workspace: { isTrusted: true },
    env: { shell: '/usr/bin/fish' },
    commands: { executeCommand: async (...args: unknown[]) => void editor.executed.push(args) },
    window: {
      createTerminal: (options: Record<string, unknown>) => {
        editor.terminals.push(options);
        return { show: () => {} };
      },
    },
  };
});

const now = Date.parse('2026-11-20T12:00:00Z');
const place = (over: Partial<PlaceInfo> = {}): PlaceInfo => ({
  id: { runId: run().runId, name: 'b1-1' },
  kind: 'overlay',
  root: '/data/places/r-1/b1-1',
  bytes: 3_400_000,
  createdAt: '2026-11-20T10:00:00Z',
  inUse: false,
  orphan: false,
  ...over,
});

describe('places in words', () => {
  it('name whose they are, how large and old, and what holds them', () => {
    expect(placeRow(place({ inUse: true }), run(), now)).toEqual({
      label: 'cheaper · Now handle emoji',
      description: 'overlay · 3.4 MB · 2 h old · in use',
      detail: '/data/places/r-1/b1-1',
      removable: false,
    });
    const gone = place({ orphan: true, id: { runId: 'r-9' as RunId, name: 'fork-point' } });
    expect(placeRow(gone, undefined, now)).toMatchObject({
      label: 'fork point of a run that is gone',
      removable: true,
    });
    expect(placeRow({ ...gone, inUse: true }, undefined, now).removable).toBe(false);
    expect(placesSummary([place(), gone])).toBe('2 places, 6.8 MB; 1 of them belongs to no run');
  });
});

describe('commands in places', () => {
  beforeEach(() => {
    editor.terminals.length = 0;
    editor.executed.length = 0;
  });
  const fixture = (kind: PlaceInfo['kind']) => {
    const view = run({
      executor: 'claude-code',
      branches: [branch('b1-1', { place: { kind, path: '/work/slug-tools', root: '/data' } })],
    });
    const commands: string[][] = [];
    const agents = {
      command: async (_run: string, _branch: string, command: string[]) => {
        commands.push(command);
        return { command: ['unshare', '--mount', ...command], cwd: '/work', env: { FORKPOINT_PORT: '4001' } };
      },
    };
    const services = { get: async () => ({ agents, forks: { run: async () => view } }) } as unknown as ServiceProvider;
    const runs = { find: () => view } as unknown as RunList;
    const target = { runId: view.runId, branchId: view.branches[0]?.branchId ?? ('' as never) };
    return { run: placeCommands({ services, runs, pickAgentBranch: async (given) => given }), target, commands };
  };

  it('open the person’s own shell in the place, with nothing in between', async () => {
    const { run: handlers, target, commands } = fixture('overlay');
    await handlers['forkpoint.openTerminalInBranch'](target);
    expect(commands).toEqual([['/usr/bin/fish']]);
    expect(editor.terminals[0]).toMatchObject({
      name: 'cheaper',
      shellPath: 'unshare',
      shellArgs: ['--mount', '/usr/bin/fish'],
      cwd: '/work',
      isTransient: true,
      env: { FORKPOINT_PORT: '4001', CLAUDECODE: null },
    });
  });

  it('open the folder of a branch where it has one', async () => {
    const { run: handlers, target } = fixture('worktree');
    await handlers['forkpoint.openFolderOfBranch'](target);
    expect(editor.executed).toMatchObject([
      ['vscode.openFolder', { path: '/work/slug-tools' }, { forceNewWindow: true }],
    ]);
    const overlay = fixture('overlay');
    await expect(overlay.run['forkpoint.openFolderOfBranch'](overlay.target)).rejects.toThrow('overlay');
  });
});
