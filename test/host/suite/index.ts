// Runs in the extension host: mocha over every suite that the runner bundled beside this file.
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Mocha from 'mocha';
import * as vscode from 'vscode';
import type { HostResults } from '../hostResults.ts';

/** Called by the editor (`extensionTestsPath`). What came out goes to the file named by FORKPOINT_HOST_RESULTS. */
export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout: 30_000, forbidOnly: true, reporter: 'min' });
  const results: HostResults = { passed: [], failed: [], skipped: [], activationMs: null };
  try {
    results.activationMs = await activate();
    const files = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.test.js')).sort();
    for (const file of files) mocha.addFile(path.join(import.meta.dirname, file));
    await mocha.loadFilesAsync();
    await new Promise<void>((resolve) => {
      const runner = mocha.run(() => resolve());
      runner.on('pass', (test) => results.passed.push(test.fullTitle()));
      runner.on('pending', (test) => results.skipped.push(test.fullTitle()));
      runner.on('fail', (test, error: Error) => {
        results.failed.push({ title: test.fullTitle(), error: error.stack ?? String(error) });
      });
    });
  } catch (error) {
    results.failed.push({ title: 'loading the host tests', error: (error as Error).stack ?? String(error) });
  }
  const file = process.env['FORKPOINT_HOST_RESULTS'];
  if (!file) throw new Error('FORKPOINT_HOST_RESULTS names no file.');
  await writeFile(file, JSON.stringify(results));
}

/** Milliseconds that loading and activating the extension takes, as nothing has activated it yet; null where something has. */
async function activate(): Promise<number | null> {
  const extension = vscode.extensions.getExtension('forkpoint.forkpoint');
  if (!extension || extension.isActive) return null;
  const started = performance.now();
  await extension.activate();
  return performance.now() - started;
}
