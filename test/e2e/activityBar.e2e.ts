import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type CodeServer, startCodeServer } from '../../scripts/codeServer.ts';
import { launchBrowser } from './support/browser.ts';
import { Workbench } from './support/workbench.ts';

let scratch: string;
let browser: Browser;
let server: CodeServer;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-empty-'));
  await mkdir(path.join(scratch, 'workspace'));
  browser = await launchBrowser();
  server = await startCodeServer({
    extensionsDir: inject('extensionsDir'),
    workspace: path.join(scratch, 'workspace'),
    env: { CLAUDE_CONFIG_DIR: path.join(scratch, 'claude'), FORKPOINT_HOME: path.join(scratch, 'forkpoint') },
  });
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await rm(scratch, { recursive: true, force: true });
});

test('the Activity Bar icon opens Sessions and Runs', async () => {
  const workbench = await Workbench.open(browser, server.url);
  await workbench.openForkpointView();
  expect(await workbench.view('Sessions').count()).toBe(1);
  expect(await workbench.view('Runs').count()).toBe(1);
  await workbench.screenshot('activity-bar');
  await workbench.close();
});
