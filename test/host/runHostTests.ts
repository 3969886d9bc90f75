// `node test/host/runHostTests.ts`: the mocha suite inside the real extension host. VS Code itself where it can be
// downloaded and there is a display, else the same suite in code-server.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { cleanEnvironment } from '../../scripts/codeServer.ts';
import { run, timed } from '../../scripts/tools/run.ts';
import type { HostResults } from './hostResults.ts';
import { runInCodeServer } from './runInCodeServer.ts';
import { downloadVsCode, runInVsCode } from './runInVsCode.ts';

const root = path.resolve(import.meta.dirname, '../..');
const bundles = path.join(root, 'out/host');

/** Bundles the suites: the editor's own Node loads them. */
async function bundleSuites(): Promise<void> {
  await rm(bundles, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['test/host/suite/*.ts'],
    outdir: bundles,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'warning',
  });
}

async function main(): Promise<HostResults> {
  if (!process.argv.includes('--no-build'))
    await timed('building', () => run(process.execPath, ['esbuild.mjs'], { cwd: root }));
  await bundleSuites();
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-host-'));
  const workspace = path.join(home, 'workspace');
  await mkdir(workspace);
  const resultsFile = path.join(home, 'results.json');
  const env = {
    CLAUDE_CONFIG_DIR: path.join(home, 'claude'),
    FORKPOINT_HOME: path.join(home, 'forkpoint'),
    FORKPOINT_HOST_RESULTS: resultsFile,
  };
  const job = {
    root,
    tests: path.join(bundles, 'index.js'),
    workspace,
    home,
    resultsFile,
    env: cleanEnvironment(home, env),
  };
  try {
    const vscode = await downloadVsCode(root);
    const host = vscode ? await runInVsCode(vscode, job) : await runInCodeServer(job);
    console.log(`Host tests ran in ${host}.`);
    return JSON.parse(await readFile(resultsFile, 'utf8')) as HostResults;
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

const results = await main();
for (const title of results.passed) console.log(`  passed  ${title}`);
for (const title of results.skipped) console.log(`  skipped ${title}`);
for (const { title, error } of results.failed) console.log(`  FAILED  ${title}\n${error}`);
const { passed, failed, skipped, activationMs } = results;
console.log(`Activation: ${activationMs === null ? 'not measured' : `${activationMs.toFixed(0)} ms`}`);
console.log(`Host tests: ${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
const report = process.env['FORKPOINT_TEST_REPORT'];
if (report) {
  await writeFile(report, JSON.stringify({ passed: passed.length, failed: failed.length, skipped: skipped.length }));
}
process.exitCode = failed.length > 0 || passed.length === 0 ? 1 : 0;
