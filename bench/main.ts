// `npm run bench`: measures us beside our peers, in one run on one machine, and prints a table. Ratios count, not times.
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureTools, toolPath } from '../scripts/tools.ts';
import { writeCorpus } from './corpus.ts';
import { alternate, type BenchRow, mb, median, ms, type ProcessRun, runNode, times } from './measure.ts';

const root = path.resolve(import.meta.dirname, '..');
const cli = path.join(root, 'dist/cli.js');
const rounds = Number(process.env['ROUNDS'] ?? 5);
const scale = Number(process.env['SCALE'] ?? 1);

console.log('Building…');
execFileSync(process.execPath, [path.join(root, 'esbuild.mjs')], { cwd: root, stdio: 'ignore' });
const missing = await ensureTools(['claude-agent-sdk-0.3.329', 'temporal']);
if (missing.length > 0) throw new Error(`The bench needs: ${missing.join(', ')}.`);
const sdk = path.join(toolPath('claude-agent-sdk-0.3.329'), 'sdk.mjs');
const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-bench-'));
try {
  const rows = [...(await readingRows(scratch)), inProcessRow(), ...temporalRows(), await activationRow()];
  print(rows);
} finally {
  await rm(scratch, { recursive: true, force: true });
}

/** Listing many sessions and opening a large one, each as a whole process. */
async function readingRows(dir: string): Promise<BenchRow[]> {
  const sessions = Math.round(500 * scale);
  console.log(`Writing ${sessions} sessions and a large one…`);
  const many = await writeCorpus(path.join(dir, 'many'), { sessions, turns: 12, bytesPerTurn: 20_000, seed: 1 });
  const large = await writeCorpus(path.join(dir, 'large'), {
    sessions: 1,
    turns: 1500 * scale,
    bytesPerTurn: 40_000,
    seed: 2,
  });
  console.log(`Reading, ${rounds} rounds…`);
  const list = await beside(
    () => runNode([cli, 'list', '--json', '--claude-dir', many.claudeDir], env(dir)),
    () => runNode([peer('listSessions'), sdk], { ...env(dir), CLAUDE_CONFIG_DIR: many.claudeDir }),
  );
  const listed = JSON.parse(list.ourOutput) as { sessions: { turns: number; sessionId: string }[] };
  const turns = listed.sessions.reduce((sum, session) => sum + session.turns, 0);
  if (turns !== many.turns) throw new Error(`Listed ${turns} turns, ${many.turns} were written.`);
  const largeId = (
    JSON.parse(
      (await runNode([cli, 'list', '--json', '--claude-dir', large.claudeDir], env(dir))).stdout,
    ) as typeof listed
  ).sessions[0]?.sessionId;
  if (largeId === undefined) throw new Error('The large session is not listed.');
  const open = await beside(
    () => runNode([cli, 'inspect', largeId, '--json', '--claude-dir', large.claudeDir], env(dir)),
    () => runNode([peer('getSessionMessages'), sdk, largeId], { ...env(dir), CLAUDE_CONFIG_DIR: large.claudeDir }),
  );
  return [
    row(`list ${sessions} sessions (${mb(many.bytes)}), exact turn counts`, list, 'listSessions', 1),
    row(`open one session of ${mb(large.bytes)}`, open, 'getSessionMessages', null),
  ];
}

function peer(name: string): string {
  return path.join(import.meta.dirname, 'peers', `${name}.mjs`);
}

function env(dir: string): Record<string, string> {
  return { HOME: dir, FORKPOINT_HOME: path.join(dir, 'home') };
}

interface Beside {
  ours: ProcessRun;
  peers: ProcessRun;
  ourOutput: string;
}

async function beside(ours: () => Promise<ProcessRun>, peers: () => Promise<ProcessRun>): Promise<Beside> {
  const [ourRuns = [], peerRuns = []] = await alternate(rounds, [ours, peers]);
  const middle = (runs: ProcessRun[]): ProcessRun => ({
    wallMs: median(runs.map((run) => run.wallMs)),
    peakBytes: median(runs.map((run) => run.peakBytes)),
    stdout: '',
  });
  return { ours: middle(ourRuns), peers: middle(peerRuns), ourOutput: ourRuns[0]?.stdout ?? '' };
}

function row(job: string, { ours, peers }: Beside, peerName: string, goal: number | null): BenchRow {
  const ratio = ours.wallMs / peers.wallMs;
  return {
    job,
    ours: `${ms(ours.wallMs)}, ${mb(ours.peakBytes)}`,
    peer: `${peerName} ${ms(peers.wallMs)}, ${mb(peers.peakBytes)}`,
    ratio: `${times(ratio)} time, ${times(ours.peakBytes / peers.peakBytes)} memory`,
    goal: goal === null ? '' : `≤ ${goal} × time`,
    reached: goal === null ? null : ratio <= goal,
  };
}

/** Runs a measuring program, which imports the product's sources. @returns its last line, parsed */
function runProgram<T>(name: string): T {
  // The sources use TypeScript that Node does not only strip but has to transform.
  const flags = ['--experimental-transform-types', '--no-warnings'];
  const program = path.join(import.meta.dirname, `${name}.ts`);
  const output = execFileSync(process.execPath, [...flags, program], { encoding: 'utf8', cwd: root });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as T;
}

function inProcessRow(): BenchRow {
  console.log('In-process fan-out…');
  const { bareMs, ourMs } = runProgram<{ bareMs: number; ourMs: number }>('inProcessOverhead');
  return {
    job: 'in-process, 3 branches over a 50 ms call',
    ours: ms(ourMs),
    peer: `the bare calls ${ms(bareMs)}`,
    ratio: `+ ${ms(ourMs - bareMs)}`,
    goal: '≤ + 10 ms',
    reached: ourMs - bareMs <= 10,
  };
}

function temporalRows(): BenchRow[] {
  console.log('Temporal fan-out…');
  const rows = runProgram<{ count: number; callMs: number; bareMs: number; ourMs: number }[]>('temporalOverhead');
  return rows.map(({ count, callMs, bareMs, ourMs }) => {
    const ratio = (ourMs - callMs) / (bareMs - callMs);
    return {
      job: `Temporal, ${count} branches over a ${callMs} ms call`,
      ours: `${ms(ourMs)} (+ ${ms(ourMs - callMs)})`,
      peer: `bare SDK, same server ${ms(bareMs)} (+ ${ms(bareMs - callMs)})`,
      ratio: `${times(ratio)} overhead, ${times(ourMs / bareMs)} in all`,
      goal: '≤ 1.25 ×',
      reached: ratio <= 1.25,
    };
  });
}

/** What activation loads: the entry point and the chunks that it imports statically. */
async function activationRow(): Promise<BenchRow> {
  const seen = new Set<string>();
  const visit = async (file: string): Promise<void> => {
    if (seen.has(file)) return;
    seen.add(file);
    const source = await readFile(path.join(root, 'dist', file), 'utf8');
    for (const [, chunk] of source.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) if (chunk) await visit(chunk);
  };
  await visit('extension.js');
  const sizes = await Promise.all([...seen].map(async (file) => (await stat(path.join(root, 'dist', file))).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return {
    job: 'activation bundle',
    ours: `${(bytes / 1e3).toFixed(0)} kB in ${seen.size} files`,
    peer: '',
    ratio: '',
    goal: '≤ 500 kB',
    reached: bytes <= 500_000,
  };
}

function print(rows: readonly BenchRow[]): void {
  const header = { job: 'job', ours: 'Forkpoint', peer: 'beside', ratio: 'ratio', goal: 'goal', reached: null };
  const cells = [header, ...rows].map(({ job, ours, peer: other, ratio, goal, reached }) => [
    job,
    ours,
    other,
    ratio,
    goal,
    reached === null ? '' : reached ? 'reached' : 'NOT reached',
  ]);
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0))) ?? [];
  for (const line of cells)
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}
