import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answers, endGroup } from '../../scripts/codeServer.ts';
import { ensureTools, toolPath } from '../../scripts/tools.ts';
import { freePort } from '../../src/adapters/freePort.ts';
import { launchBrowser } from '../e2e/support/browser.ts';
import type { HostJob } from './runInVsCode.ts';

/** Longest time that the whole suite may take. */
const limitMs = 240_000;

/**
 * Runs the suite in code-server's extension host: VS Code's server, told by the address that a browser opens which
 * extension to develop and which tests to run.
 * @returns what it ran in
 * @throws Error where the suite leaves no results
 */
export async function runInCodeServer(job: HostJob): Promise<string> {
  const missing = await ensureTools(['chromium', 'code-server']);
  if (missing.length > 0) throw new Error(`Host tests need ${missing.join(' and ')}.`);
  const vscode = path.join(path.dirname(toolPath('code-server')), '../../lib/vscode');
  const { version } = JSON.parse(readFileSync(path.join(vscode, 'package.json'), 'utf8')) as { version: string };
  const port = await freePort();
  const args = [
    path.join(vscode, 'out/server-main.js'),
    '--host=127.0.0.1',
    `--port=${port}`,
    '--without-connection-token',
    '--accept-server-license-terms',
    // Without it the payload in the address is ignored.
    '--enable-smoke-test-driver',
    '--disable-workspace-trust',
    '--telemetry-level=off',
    `--server-data-dir=${path.join(job.home, 'server-data')}`,
    `--extensions-dir=${path.join(job.home, 'extensions')}`,
  ];
  const server = spawn(process.execPath, args, { env: job.env, detached: true });
  const output: string[] = [];
  server.stdout.on('data', (data: Buffer) => output.push(String(data)));
  server.stderr.on('data', (data: Buffer) => output.push(String(data)));
  try {
    await answers(`http://127.0.0.1:${port}/version`, server, () => output.join(''));
    await drive(address(port, job), job.resultsFile, output);
  } finally {
    await endGroup(server);
  }
  return `code-server (VS Code ${version})`;
}

function address(port: number, job: HostJob): string {
  const remote = (file: string) => `vscode-remote://127.0.0.1:${port}${file}`;
  const payload = [
    ['extensionDevelopmentPath', remote(job.root)],
    ['extensionTestsPath', remote(job.tests)],
  ];
  const query = new URLSearchParams({ folder: job.workspace, payload: JSON.stringify(payload) });
  return `http://127.0.0.1:${port}/?${query.toString()}`;
}

async function drive(url: string, resultsFile: string, output: string[]): Promise<void> {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    page.on('console', (message) => output.push(`${message.type()}: ${message.text()}\n`));
    await page.goto(url);
    const until = performance.now() + limitMs;
    while (!existsSync(resultsFile)) {
      if (performance.now() > until) {
        throw new Error(`The suite left no results within ${limitMs / 1000} s.\n${output.join('').slice(-4000)}`);
      }
      await sleep(100);
    }
    // The file appears before it is full.
    while (readFileSync(resultsFile, 'utf8').at(-1) !== '}') await sleep(20);
  } finally {
    await browser.close();
  }
}
