import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import { toolPath } from '../../scripts/tools.ts';
import { withLock } from '../../src/adapters/fileLock.ts';
import { freePort } from '../../src/adapters/freePort.ts';
import { createTemporalControl } from '../../src/orchestration/temporal/temporalControl.ts';
import { archiveOf, checksumsOf, releaseAt, releaseServer } from '../support/cliRelease.ts';
import { startEditor } from './support/editor.ts';
import { test } from './support/sharedWindow.ts';
import { Workbench } from './support/workbench.ts';

let home: string;
let address: string;
let mirror: string;
let workbench: Workbench;
const ends: (() => Promise<unknown>)[] = [];

async function listen(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A release whose program is the real one, which lies elsewhere. */
async function serveRelease(scratch: string): Promise<string> {
  const archive = await archiveOf(`#!/bin/sh\nexec '${toolPath('temporal')}' "$@"\n`, scratch);
  const files = await listen((_request, response) => response.end(archive));
  return listen(releaseServer(checksumsOf(archive, releaseAt('http://x', scratch).archive), files));
}

/** A server that nobody stopped would outlive the editor. */
async function stopServer(): Promise<void> {
  const control = createTemporalControl({
    home,
    withLock,
    address,
    taskQueue: 'setup',
    env: {},
    workerScript: path.join(home, 'worker.js'),
    apiKey: async () => undefined,
  });
  await control.stopServer();
}

test.beforeAll(async ({ browser }) => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-setup-'));
  ends.push(() => rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  home = path.join(scratch, 'forkpoint');
  address = `127.0.0.1:${await freePort()}`;
  const workspace = path.join(scratch, 'shop');
  await mkdir(workspace);
  mirror = await serveRelease(scratch);
  const server = await startEditor({
    workspace,
    settings: { 'forkpoint.temporal.address': address },
    env: {
      CLAUDE_CONFIG_DIR: path.join(scratch, 'claude'),
      FORKPOINT_HOME: home,
      FORKPOINT_TOOLS: path.join(scratch, 'no-tools'),
      FORKPOINT_TEMPORAL_DOWNLOAD: mirror,
      TEMPORAL_CLI: '',
    },
  });
  ends.push(() => server.stop());
  ends.push(stopServer);
  workbench = await Workbench.open(browser, server.url);
  ends.push(() => workbench.close());
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** Looks at the set-up until the report has these lines. */
async function report(...lines: (string | RegExp)[]): Promise<string> {
  const editor = workbench.page.locator('.editor-instance .view-lines');
  return vi.waitFor(
    async () => {
      await workbench.runCommand('Forkpoint: Check Set-up');
      await workbench.waitForTab('Forkpoint Set-up.txt');
      return vi.waitFor(
        async () => {
          // The editor draws spaces that don't break.
          const shown = (await editor.innerText()).replaceAll('\u00a0', ' ');
          for (const line of lines) expect(shown).toMatch(line);
          return shown;
        },
        { timeout: 3_000, interval: 100 },
      );
    },
    { timeout: 40_000, interval: 1_000 },
  );
}

test('the report says what a bare machine lacks, and the next step', async () => {
  const text = await report(
    /✗ claude +Claude Code was not found\./,
    /→ Install it, or name it in forkpoint\.claudePath/,
    /– key +No API key is set/,
    /– temporal server +No Temporal CLI was found/,
    /✓ codec +Payloads on Temporal are not encrypted/,
    'What is marked ✗ has to be mended before forks can run.',
  );
  expect(text).toContain('code-server');
  await workbench.screenshot('setup-bare');
});

test('an encryption key is made, copied, refused where it is none, and removed', async () => {
  const ask = async (choose: RegExp) => {
    await workbench.runCommand('Forkpoint: Set Encryption Key');
    await workbench.pick(choose);
  };
  await ask(/Make a New Key/);
  const told = workbench.notification('Key made and copied. New runs on Temporal are encrypted.');
  await told.waitFor();
  await told.hover();
  await told.locator('.codicon-notifications-clear').click();
  const key = await workbench.page.evaluate<string>('navigator.clipboard.readText()');
  expect(Buffer.from(key, 'base64')).toHaveLength(32);

  await ask(/Paste a Key/);
  await workbench.page.locator('.quick-input-title:visible', { hasText: /^\s*Encryption Key/ }).waitFor();
  await workbench.quickInput().fill('too short');
  await workbench.page.locator('.quick-input-message', { hasText: '32 bytes in base64' }).waitFor();
  await workbench.page.keyboard.press('Escape');
  const text = await report(/✓ codec +Payloads on Temporal are encrypted with the key \S+\./);
  expect(text).not.toContain(key);

  await ask(/Remove the Key/);
  await workbench.answerDialog('Remove');
  await report(/✓ codec +Payloads on Temporal are not encrypted/);
});

test('the Temporal CLI is offered, downloaded, and its server started and stopped', async () => {
  await workbench.runCommand('Forkpoint: Start Temporal Dev Server');
  const dialog = workbench.page.locator('.monaco-dialog-box');
  await dialog.filter({ hasText: 'No Temporal CLI was found. Download the official one?' }).waitFor();
  const { version, host, folder, program } = releaseAt(mirror, home);
  for (const part of [version, host, folder, 'Its checksum is verified.'])
    expect(await dialog.innerText()).toContain(part);
  await workbench.screenshot('setup-download');
  await workbench.answerDialog('Cancel');
  await dialog.waitFor({ state: 'hidden' });
  await expect(access(program)).rejects.toThrow();

  await workbench.runCommand('Forkpoint: Start Temporal Dev Server');
  await workbench.answerDialog('Download');
  await workbench.notification(`Temporal runs on ${address}.`).waitFor();
  await access(program);
  await report(new RegExp(`✓ temporal server +Running on ${address.replaceAll('.', '\\.')}, started by Forkpoint\\.`));
  await workbench.screenshot('setup-temporal');

  await workbench.runCommand('Forkpoint: Stop Temporal Dev Server');
  await vi.waitFor(() => expect(fetch(`http://${address}`)).rejects.toThrow(), { timeout: 20_000, interval: 200 });
  await report(/– temporal server +Not running on/);
});
