import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, inject } from 'vitest';
import { type CodeServer, installVsix } from '../../scripts/codeServer.ts';
import { packageExtension } from '../../scripts/package.ts';
import { findTemporal } from '../../scripts/tools/temporalCli.ts';
import { startEditor } from './support/editor.ts';
import { test } from './support/sharedWindow.ts';
import { Workbench } from './support/workbench.ts';

// The package without the Temporal worker's native core: what people on other platforms install.

let scratch: string;
let server: CodeServer;
let workbench: Workbench;
let vsix: string;

test.beforeAll(async ({ browser }) => {
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-universal-'));
  await mkdir(path.join(scratch, 'workspace'));
  await mkdir(path.join(scratch, 'extensions'));
  await cp(path.resolve(import.meta.dirname, '../../demo/claude'), path.join(scratch, 'claude'), { recursive: true });
  vsix = await packageExtension('universal');
  await installVsix(vsix, path.join(scratch, 'extensions'), scratch);
  server = await startEditor({
    extensionsDir: path.join(scratch, 'extensions'),
    workspace: path.join(scratch, 'workspace'),
    env: {
      CLAUDE_CONFIG_DIR: path.join(scratch, 'claude'),
      FORKPOINT_HOME: path.join(scratch, 'forkpoint'),
      FORKPOINT_DEMO: '1',
      TEMPORAL_CLI: findTemporal() ?? '',
    },
  });
  workbench = await Workbench.open(browser, server.url);
});

afterAll(async () => {
  await workbench?.close();
  await server?.stop();
  await rm(scratch, { recursive: true, force: true });
});

test('is small, installs, and runs a fork in this window', async () => {
  expect((await stat(vsix)).size).toBeLessThan((await stat(inject('vsix'))).size / 2);
  await workbench.openForkpointView();
  await workbench.expand('Sessions', 'slugify');
  await workbench.chooseFromContextMenu('Sessions', 'Now handle emoji', 'Fork from Here…');
  const panel = workbench.panel();
  await panel.locator('.fidelity.exact').waitFor();
  await panel.locator('footer vscode-button', { hasText: 'Run 1 branch' }).click();
  await panel.locator('footer vscode-button', { hasText: 'Compare' }).waitFor();
  expect(await panel.locator('.run-branch.completed').count()).toBe(1);
});

test('reads sessions beside the editor, in threads that are part of the package', async () => {
  const installed = await filesBelow(path.join(scratch, 'extensions'));
  for (const thread of ['reader', 'scanThread', 'summaryThread'])
    expect(installed.filter((file) => file.endsWith(`/dist/${thread}.js`))).toHaveLength(1);
  const logs = (await filesBelow(path.join(server.home, 'user-data/logs'))).filter((file) =>
    file.endsWith('/Forkpoint.log'),
  );
  const said = await Promise.all(logs.map((log) => readFile(log, 'utf8')));
  expect(said.join('')).not.toMatch(/No thread can be started|ended\./);
});

async function filesBelow(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).map((file) => path.join(folder, file));
}
