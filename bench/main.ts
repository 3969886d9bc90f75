// `npm run bench [-- JOB …] [--quick] [--rounds N] [--dist FOLDER]`: measures us beside our peers, in one run on one machine,
// and prints a table. Ratios count, not times.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { installSystemPackages, missingPackages } from '../scripts/tools/systemPackages.ts';
import { ensureTools, toolPath } from '../scripts/tools.ts';
import type { Bench, Job } from './bench.ts';
import { buildPrograms } from './buildPrograms.ts';
import { benchFolder } from './corpus/cachedCorpus.ts';
import { activationJob } from './jobs/activation.ts';
import { agentsJob } from './jobs/agents.ts';
import { appendJob } from './jobs/append.ts';
import { earlyForkJob } from './jobs/earlyFork.ts';
import { encryptedJob, inProcessJob, temporalJob, temporalLongJob, workersJob } from './jobs/engines.ts';
import { growthJob } from './jobs/growth.ts';
import { listJob } from './jobs/list.ts';
import { openJob } from './jobs/openLarge.ts';
import { panelJob } from './jobs/panel.ts';
import { placeReadyJob } from './jobs/placeReady.ts';
import { searchJob } from './jobs/search.ts';
import { stallJob } from './jobs/stall.ts';
import { treeJob } from './jobs/tree.ts';
import { type BenchRow, printTable } from './table.ts';

const jobs: readonly Job[] = [
  listJob,
  openJob,
  appendJob,
  searchJob,
  earlyForkJob,
  treeJob,
  panelJob,
  stallJob,
  growthJob,
  inProcessJob,
  temporalJob,
  encryptedJob,
  temporalLongJob,
  workersJob,
  activationJob,
  placeReadyJob,
  agentsJob,
];

const root = path.resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    /** Measures a build that lies elsewhere, for example that of another commit. */
    dist: { type: 'string' },
  },
});

/** @throws Error where no job is called so */
function chosenJobs(): readonly Job[] {
  if (positionals.length === 0) return jobs;
  return positionals.map((name) => {
    const job = jobs.find((each) => each.name === name);
    if (job === undefined)
      throw new Error(`There is no job ${name}; there are ${jobs.map((each) => each.name).join(', ')}.`);
    return job;
  });
}

async function prepare(scratch: string): Promise<Bench> {
  const missing = await ensureTools([
    'claude-agent-sdk-0.3.329',
    'claude-code-2.1.329',
    'temporal',
    'chromium',
    'code-server',
  ]);
  if (missing.length > 0) throw new Error(`The bench needs: ${missing.join(', ')}.`);
  await installSystemPackages(
    missingPackages(['rg']).length > 0 ? ['ripgrep'] : [],
    'the bench, as the peer for search',
  );
  if (values.dist === undefined) {
    console.log('Building…');
    execFileSync(process.execPath, [path.join(root, 'esbuild.mjs')], { cwd: root, stdio: 'ignore' });
  }
  const dist = path.resolve(values.dist ?? path.join(root, 'dist'));
  const programs = await buildPrograms(path.join(scratch, 'programs'), dist);
  return {
    rounds: Number(values.rounds ?? (values.quick ? 2 : 5)),
    scale: values.quick ? 0.1 : 1,
    cli: path.join(dist, 'cli.js'),
    sdk: path.join(toolPath('claude-agent-sdk-0.3.329'), 'sdk.mjs'),
    scratch,
    program: (name) => path.join(programs, `${name}.js`),
    env: (claudeDir, home = path.join(scratch, 'home')) => ({
      HOME: scratch,
      CLAUDE_CONFIG_DIR: claudeDir,
      FORKPOINT_HOME: home,
    }),
  };
}

await mkdir(benchFolder, { recursive: true });
const scratch = await mkdtemp(path.join(benchFolder, 'run-'));
try {
  const chosen = chosenJobs();
  const bench = await prepare(scratch);
  const rows: BenchRow[] = [];
  for (const job of chosen) {
    console.log(`${job.name}…`);
    try {
      rows.push(...(await job.run(bench)));
    } catch (error) {
      // The other jobs' figures are worth having all the same.
      console.error(error);
      process.exitCode = 1;
    }
  }
  console.log(`Node ${process.versions.node}, ${availableParallelism()} cores, medians of ${bench.rounds} rounds:`);
  printTable(rows);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
