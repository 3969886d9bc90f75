// `npm test`: every suite; a failing one doesn't stop the others. Two lanes run side by side on two processors, and what they
// print carries the suite's name. `npm test -- lint unit` runs only those.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { bootstrap, root } from './bootstrap.mjs';

bootstrap(import.meta.filename);

const scratch = mkdtempSync(path.join(tmpdir(), 'forkpoint-test-'));

/** A program that passes or fails as a whole. */
const check = (name, ...commands) => ({ name, commands });
/** Tests that report how many passed. */
const vitest = (name, { after = [], projects = [name] } = {}) => ({
  name,
  after,
  commands: [
    [
      'vitest',
      'run',
      ...projects.map((project) => `--project=${project}`),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportOf(name)}`,
    ],
  ],
  count: countVitest,
  failures: vitestFailures,
});

/**
 * Each lane takes its suites one after the other, and then of `last` what the other has not taken. What needs no tools comes
 * first, so that tools are fetched meanwhile. `after` names what must be there before: a group of tools, or the build.
 */
const lanes = [
  [
    check('format', ['biome', 'check', '.']),
    check('lint', ['node', 'scripts/compileAssembly.mjs'], ['oxlint', '--type-aware']),
    check('types', ['tsc', '-p', '.'], ['tsc', '-p', 'src'], ['tsc', '-p', 'src/views/forkPanel']),
    check('build', ['node', 'esbuild.mjs']),
    vitest('unit', { projects: ['unit', 'unit-mocking'] }),
    check('knip', ['knip', '--no-progress']),
    {
      name: 'host',
      after: ['editor'],
      commands: [['node', 'test/host/runHostTests.ts', '--no-build']],
      count: countHost,
    },
    vitest('ui', { after: ['editor', 'claude', 'temporal'] }),
  ],
  [vitest('integration', { after: ['build', 'claude'] })],
];
const last = [
  vitest('agents', { after: ['build', 'claude', 'temporal'] }),
  vitest('durable', { after: ['build', 'claude', 'temporal'] }),
];
const suites = [...lanes.flat(), ...last];

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

/** What failed, as lines to read: its file, its name, and the beginning of what it said. */
function vitestFailures({ testResults }) {
  return testResults
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name, message, assertionResults }) => {
      const file = path.relative(root, name);
      const failed = assertionResults.filter(({ status }) => status === 'failed');
      if (failed.length === 0) return [`${file}\n${beginningOf(message || 'its set-up failed, see above')}`];
      return failed.map(
        ({ fullName, failureMessages }) => `${file} > ${fullName}\n${failureMessages.map(beginningOf).join('\n')}`,
      );
    });
}

function beginningOf(text) {
  return text
    .split('\n')
    .filter((line) => !line.includes('/node_modules/'))
    .slice(0, 25)
    .map((line) => `    ${line}`)
    .join('\n');
}

async function run(suite) {
  const started = performance.now();
  let ok = true;
  for (const command of suite.commands) ok = (await execute(command, suite.name)) && ok;
  return { name: suite.name, seconds: (performance.now() - started) / 1000, ...countsOf(suite, ok) };
}

function countsOf(suite, ok) {
  if (!suite.count) return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
  let counts = { passed: 0, failed: 0, skipped: 0 };
  let failures = [];
  try {
    const report = JSON.parse(readFileSync(reportOf(suite.name), 'utf8'));
    counts = suite.count(report);
    failures = suite.failures?.(report) ?? [];
  } catch {
    // It ended before it could report; its output says why.
    ok = false;
  }
  // A file that doesn't load fails without any test that could be counted.
  if (!ok && counts.failed === 0) counts = { ...counts, failed: 1 };
  return { ...counts, failures };
}

/** Resolves with whether it ended well. Each line that it prints gets the name before it. */
function execute([command, ...args], name) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        FORKPOINT_TEST_REPORT: reportOf(name),
        ...(isBuilt ? { FORKPOINT_BUILT: '1' } : {}),
        ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}),
      },
      shell: process.platform === 'win32',
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => console.log(`${name.padEnd(11)} │ ${line}`));
    }
    child.on('error', (error) => {
      console.error(`${name}: ${error.message}`);
      resolve(false);
    });
    // Not 'exit': its last lines may come after that.
    child.on('close', (code) => resolve(code === 0));
  });
}

/** Tools by what they are for: a group is there once its promise is. A test that lacks one says so itself. */
function fetchTools() {
  const pins = JSON.parse(readFileSync(path.join(root, 'scripts/tools.json'), 'utf8'));
  const claudes = Object.keys(pins.npm).filter((name) => name.startsWith('claude-'));
  const fetch = (...names) => execute(['node', 'scripts/tools.ts', ...names], 'tools');
  const claude = fetch(...claudes);
  return {
    claude,
    editor: claude.then(() => fetch('chromium', 'code-server')),
    temporal: fetch('temporal', 's3-server'),
  };
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
const isWanted = ({ name }) => wanted.length === 0 || wanted.includes(name);
let isBuilt = false;
const { promise: build, resolve: finishBuild } = Promise.withResolvers();
if (!isWanted({ name: 'build' })) finishBuild();
const ready = { build, ...(wanted.length === 0 ? fetchTools() : {}) };
const results = [];
const rest = last.filter(isWanted);
await Promise.all(
  lanes.map(async (lane) => {
    const own = lane.filter(isWanted);
    for (let suite = own.shift() ?? rest.shift(); suite !== undefined; suite = own.shift() ?? rest.shift()) {
      await Promise.all((suite.after ?? []).map((name) => ready[name]));
      const result = await run(suite);
      results.push(result);
      if (suite.name !== 'build') continue;
      isBuilt = result.failed === 0;
      finishBuild();
    }
  }),
);
rmSync(scratch, { recursive: true, force: true });

// Once more at the end: between two suites' lines nobody finds them.
for (const { name, failures } of results) {
  for (const failure of failures ?? []) console.log(`\n✗ ${name}: ${failure}`);
}

console.log('');
for (const { name } of suites.filter(isWanted)) {
  const { passed, failed, skipped, seconds } = results.find((result) => result.name === name);
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  console.log(`${failed > 0 ? '✗' : '✓'} ${name.padEnd(12)} ${counts.padEnd(36)} ${seconds.toFixed(1)} s`);
}
const failed = sum(results, 'failed');
process.exitCode = failed > 0 ? 1 : 0;
console.log(`${sum(results, 'passed')} passed, ${failed} failed, ${sum(results, 'skipped')} skipped`);
