import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, vi } from 'vitest';
import { type WrittenSession, writeSession } from '../support/writeSession.ts';
import { startEditor } from './support/editor.ts';
import { test } from './support/sharedWindow.ts';
import { Workbench } from './support/workbench.ts';

let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-sessions-'));
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

describe('the Sessions tree', () => {
  let claudeDir: string;
  let workbench: Workbench;
  let session: WrittenSession;
  const rows = async () =>
    (await workbench.treeRows('Sessions')).map(
      ({ label, description, level }) =>
        `${'  '.repeat(level - 1)}${label} | ${description.replace(/^(now|\d+ \w+) · /, 'then · ')}`,
    );
  /** How soon is measured by the benchmark: a browser on a busy machine takes its own time. */
  const soon = { timeout: 20_000, interval: 50 };

  test.beforeAll(async ({ shared }) => {
    claudeDir = path.join(scratch, 'live', 'claude');
    session = await writeSession(claudeDir, shared.workspace, ['Why does slugify drop accents?', 'Now handle emoji']);
    await writeSession(claudeDir, '/home/sam/website', ['A landing page']);
    workbench = await shared.show({ claudeDir, home: path.join(scratch, 'live', 'forkpoint') });
    await workbench.row('Sessions', 'slug-tools').waitFor();
  });

  test('shows this folder first, and unfolds to turns and steps', async () => {
    expect(await rows()).toEqual([
      'slug-tools | this folder · 1',
      '  Why does slugify drop accents? | then · 2 turns',
      'website | 1',
    ]);
    await workbench.expand('Sessions', 'Why does slugify');
    await workbench.row('Sessions', 'Now handle emoji').waitFor();
    await workbench.expand('Sessions', 'Now handle emoji');
    await workbench.row('Sessions', 'step 1').waitFor();
    expect((await rows()).slice(1, 5)).toEqual([
      '  Why does slugify drop accents? | then · 2 turns',
      '    Why does slugify drop accents? | Sonnet 4.5',
      '    Now handle emoji | Sonnet 4.5',
      '      Reply to Now handle emoji | step 1',
    ]);
    await workbench.screenshot('sessions');
  });

  test('opens a turn on a click, as a document to read', async () => {
    await workbench.row('Sessions', /Now handle emoji.*Sonnet/).click();
    await workbench.waitForTab('Now handle emoji');
    await workbench.panel().getByText('Reply to Now handle emoji').waitFor();
    expect(await workbench.tabs()).toEqual(['Now handle emoji']);
    await workbench.screenshot('turn-document');
  });

  test('follows a session that grows', async () => {
    await session.add('And now?');
    await vi.waitFor(async () => expect((await rows()).join('\n')).toContain('    And now? | Sonnet 4.5'), soon);
    expect((await rows())[1]).toBe('  Why does slugify drop accents? | then · 3 turns');
  });

  test('follows sessions that come and go', async ({ shared }) => {
    const another = await writeSession(claudeDir, shared.workspace, ['Something else']);
    await vi.waitFor(async () => expect((await rows()).join('\n')).toContain('slug-tools | this folder · 2'), soon);
    await rm(another.file);
    await vi.waitFor(async () => expect((await rows()).join('\n')).toContain('slug-tools | this folder · 1'), soon);
  });

  test('finds a session by a later prompt', async () => {
    await workbench.runCommand('Forkpoint: Find Session');
    await workbench.quickInput().fill('emoji');
    await vi.waitFor(async () => expect(await workbench.quickPickRows().allTextContents()).toHaveLength(1), soon);
    await workbench.pick('Why does slugify');
    await workbench.row('Sessions', /Why does slugify.*turns/).waitFor();
  });

  test('names role and state for screen readers', async () => {
    const named = (await workbench.treeRows('Sessions')).map(({ ariaLabel }) => ariaLabel);
    expect(named.some((label) => label.includes('Turn 2, Now handle emoji, Sonnet 4.5'))).toBe(true);
  });
});

test('an empty folder has a welcome that names where sessions were looked for', async ({ shared }) => {
  const workbench = await shared.showEmpty();
  await workbench.view('Sessions').getByText('No sessions in the folder that CLAUDE_CONFIG_DIR names').waitFor();
  await workbench.view('Runs').getByText('No runs yet').waitFor();
  await writeSession(shared.claudeDir, shared.workspace, ['The first one']);
  await workbench.row('Sessions', 'The first one').waitFor();
  expect(await workbench.view('Sessions').getByText('No sessions in the folder').isVisible()).toBe(false);
});

test('in Restricted Mode sessions can be read, not forked', async ({ browser }) => {
  const within = (name: string) => path.join(scratch, 'restricted', name);
  await mkdir(within('slug-tools'), { recursive: true });
  await writeSession(within('claude'), within('slug-tools'), ['Read me']);
  const server = await startEditor({
    workspace: within('slug-tools'),
    env: { CLAUDE_CONFIG_DIR: within('claude'), FORKPOINT_HOME: within('forkpoint') },
    trusted: false,
  });
  onTestFinished(() => server.stop());
  const workbench = await Workbench.open(browser, server.url);
  onTestFinished(() => workbench.close());
  await workbench.openForkpointView();
  await workbench.view('Sessions').getByText('Restricted Mode: sessions can be read').waitFor();
  await workbench.view('Runs').getByText('Runs are off in Restricted Mode').waitFor();
  await workbench.expand('Sessions', 'Read me');
  await workbench.row('Sessions', 'Sonnet 4.5').waitFor();
  const menu = await workbench.openContextMenu('Sessions', 'Sonnet 4.5');
  expect(menu).toEqual(expect.arrayContaining(['Open Turn', 'Open Raw Transcript']));
  expect(menu.join()).not.toMatch(/Fork|Replay|Run|Keep|Continue/);
});
