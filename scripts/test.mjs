// `npm test`: every suite; a failing one doesn't stop the others. Two lanes run side by side on two processors, towards the end
// three, and what they print carries the suite's name. `npm test -- lint unit` runs only those.
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
/** Tests that report how many passed; `part` is `1/3` where only the first third of the files is run. */
const vitest = (name, { after = [], projects = [name], part = '1/1' } = {}) => {
  const report = path.join(scratch, `${name}-${part.replace('/', 'of')}.json`);
  return {
    name,
    after,
    report,
    commands: [
      [
        'vitest',
        'run',
        ...projects.map((project) => `--project=${project}`),
        `--shard=${part}`,
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
      ],
    ],
    count: countVitest,
    remarks: vitestRemarks,
  };
};
const thirds = (name, options) => ['1/3', '2/3', '3/3'].map((part) => vitest(name, { ...options, part }));

/**
 * Each lane takes its suites one after the other, and then of `last` what no other has taken. These wait more than they work:
 * from the first of them on there is one lane more. What needs no tools comes first, so that tools are fetched meanwhile.
 * `after` names what must be there before: a group of tools, or the build.
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
      report: path.join(scratch, 'host.json'),
      commands: [['node', 'test/host/runHostTests.ts', '--no-build']],
      count: countHost,
    },
    vitest('ui', { after: ['editor', 'claude', 'temporal'] }),
  ],
  [vitest('integration', { after: ['build', 'claude'] })],
];
const last = [
  ...thirds('agents', { after: ['build', 'claude', 'temporal'] }),
  ...thirds('durable', { after: ['build', 'claude', 'temporal'] }),
];
const suites = [...lanes.flat(), ...last];
const names = [...new Set(suites.map(({ name }) => name))];

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

/** What failed, if only at first, as lines to read: file, name, and the beginning of what it said. */
function vitestRemarks({ testResults }) {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = path.relative(root, name);
    const tests = assertionResults.filter(({ failureMessages }) => failureMessages.length > 0);
    if (status === 'failed' && tests.length === 0)
      return [`✗ ${file}\n${beginningOf(message || 'its set-up failed, see above')}`];
    return tests.map((test) => {
      const outcome = test.status === 'passed' ? '↻ passed when it was tried again:' : '✗';
      return `${outcome} ${file} > ${test.fullName}\n${test.failureMessages.map(beginningOf).join('\n')}`;
    });
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
  for (const command of suite.commands) ok = (await execute(command, suite.name, suite.report)) && ok;
  return { name: suite.name, seconds: (performance.now() - started) / 1000, ...countsOf(suite, ok) };
}

function countsOf(suite, ok) {
  if (!suite.count) return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, remarks: [] };
  let counts = { passed: 0, failed: 0, skipped: 0 };
  let remarks = [];
  try {
    const report = JSON.parse(readFileSync(suite.report, 'utf8'));
    counts = suite.count(report);
    remarks = suite.remarks?.(report) ?? [];
  } catch {
    // It ended before it could report; its output says why.
    ok = false;
  }
  // A file that doesn't load fails without any test that could be counted.
  if (!ok && counts.failed === 0) counts = { ...counts, failed: 1 };
  return { ...counts, remarks };
}

/** Resolves with whether it ended well. Each line that it prints gets the name before it. */
function execute([command, ...args], name, report = '') {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        FORKPOINT_TEST_REPORT: report,
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

/** Takes suites from the front until there are none: those that somebody else takes are gone. */
async function runLane(suites) {
  if (suites === rest) freed();
  for (let suite = suites.shift(); suite !== undefined; suite = suites.shift()) {
    await Promise.all((suite.after ?? []).map((name) => ready[name]));
    const result = await run(suite);
    results.push(result);
    if (suite.name !== 'build') continue;
    isBuilt = result.failed === 0;
    finishBuild();
  }
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`No suite is called ${unknown.join(', ')}. There are: ${names.join(', ')}.`);
  process.exit(2);
}
const isWanted = ({ name }) => wanted.length === 0 || wanted.includes(name);
let isBuilt = false;
const { promise: build, resolve: finishBuild } = Promise.withResolvers();
if (!isWanted({ name: 'build' })) finishBuild();
const ready = { build, ...(wanted.length === 0 ? fetchTools() : {}) };
const results = [];
const rest = last.filter(isWanted);
const { promise: anyFree, resolve: freed } = Promise.withResolvers();
await Promise.all([
  ...lanes.map((lane) => runLane(lane.filter(isWanted)).then(() => runLane(rest))),
  anyFree.then(() => runLane(rest)),
]);
rmSync(scratch, { recursive: true, force: true });

// Once more at the end: between two suites' lines nobody finds them.
for (const { name, remarks } of results) for (const remark of remarks) console.log(`\n${name}: ${remark}`);

console.log('');
for (const name of names) {
  const parts = results.filter((result) => result.name === name);
  if (parts.length === 0) continue;
  const counts = `${sum(parts, 'passed')} passed, ${sum(parts, 'failed')} failed, ${sum(parts, 'skipped')} skipped`;
  console.log(
    `${sum(parts, 'failed') > 0 ? '✗' : '✓'} ${name.padEnd(12)} ${counts.padEnd(36)} ${sum(parts, 'seconds').toFixed(1)} s`,
  );
}
const failed = sum(results, 'failed');
process.exitCode = failed > 0 ? 1 : 0;
console.log(`${sum(results, 'passed')} passed, ${failed} failed, ${sum(results, 'skipped')} skipped`);
