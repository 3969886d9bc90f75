import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { download, runTests, SilentReporter } from '@vscode/test-electron';
import { timed } from '../../scripts/tools/run.ts';
import { toolsFolder } from '../../scripts/tools/toolsFolder.ts';
import type { HostResults } from './hostResults.ts';

/** Where and with what the suite runs. */
export interface HostJob {
  /** The extension under development: the checkout. */
  root: string;
  /** Bundle that exports `run`. */
  tests: string;
  workspace: string;
  /** Scratch folder for profiles. */
  home: string;
  /** Where the suite writes its `HostResults`. */
  resultsFile: string;
  env: NodeJS.ProcessEnv;
}

/** Path of VS Code's program, or null where it has no display to open on or can't be downloaded. */
export async function downloadVsCode(root: string): Promise<string | null> {
  const hasDisplay = process.platform !== 'linux' || process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY'];
  if (!hasDisplay) {
    console.log('  VS Code needs a display and there is none; the host tests run in code-server.');
    return null;
  }
  try {
    return await timed('VS Code for the host tests: downloading', () =>
      download({
        version: 'stable',
        cachePath: path.join(toolsFolder(), 'vscode'),
        extensionDevelopmentPath: root,
        reporter: new SilentReporter(),
        timeout: 15_000,
      }),
    );
  } catch (error) {
    console.log(`  VS Code can't be downloaded (${(error as Error).message}); the host tests run in code-server.`);
    return null;
  }
}

/** Runs the suite in VS Code. @returns what it ran in */
export async function runInVsCode(vscodeExecutablePath: string, job: HostJob): Promise<string> {
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  try {
    await runTests({
      vscodeExecutablePath,
      extensionDevelopmentPath: job.root,
      extensionTestsPath: job.tests,
      extensionTestsEnv: job.env as Record<string, string>,
      launchArgs: [
        job.workspace,
        `--user-data-dir=${path.join(job.home, 'user-data')}`,
        `--extensions-dir=${path.join(job.home, 'extensions')}`,
        '--disable-workspace-trust',
        '--disable-gpu',
        ...asRoot,
      ],
    });
  } catch (error) {
    const failed = [{ title: 'VS Code', error: String(error) }];
    const lost: HostResults = { passed: [], failed, skipped: [], activationMs: null };
    await writeFile(job.resultsFile, JSON.stringify(lost), { flag: 'wx' }).catch(() => undefined);
  }
  return `VS Code (${vscodeExecutablePath})`;
}
