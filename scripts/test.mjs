// `npm test`: every suite, one after the other; a failing one doesn't stop the next. `npm test -- lint unit` runs only those.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bootstrap, root } from './bootstrap.mjs';

bootstrap(import.meta.filename);

const scratch = mkdtempSync(path.join(tmpdir(), 'forkpoint-test-'));

/** A program that passes or fails as a whole. */
const check = (name, ...commands) => ({ name, commands });
/** Tests that report how many passed. */
const vitest = (name, { tools = false } = {}) => ({
  name,
  tools,
  commands: [
    [
      'vitest',
      'run',
      '--project',
      name,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportOf(name)}`,
    ],
  ],
  count: countVitest,
});

const suites = [
  check('format', ['biome', 'check', '.']),
  check('lint', ['node', 'scripts/compileSkimmer.mjs'], ['oxlint', '--type-aware']),
  check('types', ['tsc', '-p', '.'], ['tsc', '-p', 'src'], ['tsc', '-p', 'src/views/forkPanel']),
  check('build', ['node', 'esbuild.mjs']),
  vitest('unit'),
  vitest('integration', { tools: true }),
  { name: 'host', tools: true, commands: [['node', 'test/host/runHostTests.ts', '--no-build']], count: countHost },
  vitest('ui', { tools: true }),
  check('knip', ['knip', '--no-progress']),
];

function reportOf(name) {
  return path.join(scratch, `${name}.json`);
}

function countVitest(report) {
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function countHost(report) {
  return report;
}

async function run(suite) {
  const started = performance.now();
  console.log(`\n── ${suite.name} ${'─'.repeat(60 - suite.name.length)}`);
  let ok = true;
  for (const command of suite.commands) ok = (await execute(command, suite.name)) && ok;
  return { name: suite.name, seconds: (performance.now() - started) / 1000, ...countsOf(suite, ok) };
}

function countsOf(suite, ok) {
  if (!suite.count) return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
  let counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    counts = suite.count(JSON.parse(readFileSync(reportOf(suite.name), 'utf8')));
  } catch {
    // It ended before it could report; its output says why.
    ok = false;
  }
  // A file that doesn't load fails without any test that could be counted.
  if (!ok && counts.failed === 0) counts = { ...counts, failed: 1 };
  return counts;
}

function execute([command, ...args], name) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, FORKPOINT_TEST_REPORT: reportOf(name) },
      shell: process.platform === 'win32',
    });
    child.on('error', (error) => {
      console.error(error.message);
      resolve(false);
    });
    child.on('exit', (code) => resolve(code === 0));
  });
}

/** Resolves with what was said of the tools; a test that lacks one says so. */
function fetchTools() {
  return new Promise((resolve) => {
    const child = spawn('node', ['scripts/tools.ts'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
    child.on('error', (error) => resolve(error.message));
    child.on('exit', () => resolve(said.trim()));
  });
}

function sum(results, key) {
  return results.reduce((total, result) => total + result[key], 0);
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(`No suite is called ${unknown.join(', ')}. There are: ${suites.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}
// Fetching tools is mostly waiting: the suites that need none run meanwhile.
let tools = wanted.length === 0 ? fetchTools() : null;
const results = [];
for (const suite of suites) {
  if (wanted.length > 0 && !wanted.includes(suite.name)) continue;
  if (suite.tools && tools !== null) {
    console.log('\nTools of the tests:');
    console.log(await tools);
    tools = null;
  }
  results.push(await run(suite));
}
rmSync(scratch, { recursive: true, force: true });

console.log('');
for (const { name, passed, failed, skipped, seconds } of results) {
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  console.log(`${failed > 0 ? '✗' : '✓'} ${name.padEnd(12)} ${counts.padEnd(36)} ${seconds.toFixed(1)} s`);
}
const failed = sum(results, 'failed');
process.exitCode = failed > 0 ? 1 : 0;
console.log(`${sum(results, 'passed')} passed, ${failed} failed, ${sum(results, 'skipped')} skipped`);
