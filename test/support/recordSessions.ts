import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toolsFolder, withLock } from '../../scripts/tools/toolsFolder.ts';
import { ensureTools } from '../../scripts/tools.ts';
import { messageOf } from '../../src/core/errors.ts';
import { checkpointScenarios } from './scenarios/checkpoints.ts';
import { interactiveScenarios, titleScenarios } from './scenarios/interactive.ts';
import { repeatedScenarios } from './scenarios/repeated.ts';
import { resumingScenarios } from './scenarios/resuming.ts';
import { settingsScenarios, switchedOnScenarios } from './scenarios/settings.ts';
import { subagentScenarios } from './scenarios/subagents.ts';
import { commonScenarios, newerScenarios } from './scenarios.ts';
import { agentSdk, type CapturedRequest, playScenario, type RecordingFile, type Scenario } from './stage.ts';

export const currentVersion = '2.1.329';
/** Every version that the tests record with, oldest first. */
const allVersions = ['2.0.76', '2.1.100', '2.1.200', '2.1.260', '2.1.290', '2.1.300', currentVersion] as const;
/** The first version that logs its requests by itself. */
const loggingSince = '2.1.300';

/** What the real Claude Code wrote in one scenario. Never copy any of it into the checkout. */
export interface RecordedScenario {
  name: string;
  version: string;
  /** Whether this version logs its requests by itself. */
  logged: boolean;
  /** Its `CLAUDE_CONFIG_DIR`. */
  claudeDir: string;
  cwd: string;
  captured: CapturedRequest[];
  /** What the scenario kept for its tests. */
  notes: Record<string, unknown>;
  /** The transcripts of sessions, sorted by path. */
  sessions: string[];
  /** The transcripts of subagents, in either layout, sorted by path. */
  subagents: string[];
}

/** Scenarios of one source file, and the versions that play them. */
interface Group {
  source: string;
  scenarios: readonly Scenario[];
  versions: readonly string[];
}

const withFlags = ['2.1.260', '2.1.300', currentVersion];
const withLog = ['2.1.300', currentVersion];

const groups: readonly Group[] = [
  { source: 'scenarios.ts', scenarios: commonScenarios, versions: allVersions },
  { source: 'scenarios.ts', scenarios: newerScenarios, versions: withFlags },
  { source: 'scenarios/subagents.ts', scenarios: subagentScenarios, versions: withLog },
  { source: 'scenarios/checkpoints.ts', scenarios: checkpointScenarios, versions: [currentVersion] },
  { source: 'scenarios/resuming.ts', scenarios: resumingScenarios, versions: withLog },
  { source: 'scenarios/settings.ts', scenarios: settingsScenarios, versions: [currentVersion] },
  { source: 'scenarios/settings.ts', scenarios: switchedOnScenarios, versions: ['2.1.290'] },
  { source: 'scenarios/repeated.ts', scenarios: repeatedScenarios, versions: ['2.1.290', currentVersion] },
  { source: 'scenarios/interactive.ts', scenarios: interactiveScenarios, versions: withLog },
  { source: 'scenarios/interactive.ts', scenarios: titleScenarios, versions: ['2.1.300'] },
];

interface Job {
  version: string;
  scenario: Scenario;
  source: string;
}

function jobsOf(versions: readonly string[]): Job[] {
  return versions.flatMap((version) =>
    groups
      .filter((group) => group.versions.includes(version))
      .flatMap(({ scenarios, source }) => scenarios.map((scenario) => ({ version, scenario, source }))),
  );
}

/** Hash of the sources that decide what is recorded: a change to them means recording anew. */
async function sourceHash(source: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['stage.ts', 'messagesApi.ts', 'terminal.ts', source])
    hash.update(await readFile(join(import.meta.dirname, name)));
  return hash.digest('hex').slice(0, 12);
}

/**
 * Name of a recording without its ending. The recording's paths stand in its lines, so it can't be moved: a file of this name,
 * written last, says in which folder it is whole.
 */
async function markerOf({ version, scenario, source }: Job): Promise<string> {
  const root = join(await realpath(toolsFolder()), 'recordings', version);
  await mkdir(root, { recursive: true });
  return join(root, `${scenario.name}-${await sourceHash(source)}`);
}

async function recordJob(job: Job, marker: string): Promise<void> {
  const started = performance.now();
  const folder = await played(job, marker);
  await removeOlderRecordings(marker, job.scenario.name, folder);
  await writeFile(`${marker}.recorded`, folder);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stderr.write(`Recorded "${job.scenario.name}" with Claude Code ${job.version} in ${seconds} s\n`);
}

/**
 * Plays it in a new folder. Claude Code at a terminal is waited for by what it shows, which on a busy machine may come too late: then
 * it is played again, and that is said.
 */
async function played(job: Pick<Job, 'scenario' | 'version'>, marker: string, attempt = 1): Promise<string> {
  const { scenario, version } = job;
  const folder = await mkdtemp(`${marker}-`);
  try {
    await playScenario(scenario, version, folder);
    return folder;
  } catch (error) {
    const reason = `"${scenario.name}" could not be recorded with Claude Code ${version}: ${messageOf(error)}`;
    if (attempt === 3) throw new Error(reason, { cause: error });
    process.stderr.write(`${reason}\nPlaying it again…\n`);
    await rm(folder, { recursive: true, force: true });
    return played(job, marker, attempt + 1);
  }
}

/** What other sources recorded under the same name is of no use any more. */
async function removeOlderRecordings(marker: string, name: string, keep: string): Promise<void> {
  const root = join(marker, '..');
  const own = new RegExp(`^${name}-[0-9a-f]{12}(?:-.{6}|\\.recorded)$`);
  const old = (await readdir(root)).filter((entry) => own.test(entry) && join(root, entry) !== keep);
  for (const entry of old) await rm(join(root, entry), { recursive: true, force: true });
}

interface MarkedJob {
  job: Job;
  marker: string;
}

function missingOf(jobs: readonly MarkedJob[]): MarkedJob[] {
  return jobs.filter(({ marker }) => !isRecorded(`${marker}.recorded`));
}

/** Recordings hold absolute paths: of a cache that was moved they are of no use. */
function isRecorded(file: string): boolean {
  return existsSync(file) && existsSync(join(readFileSync(file, 'utf8'), 'recording.json'));
}

/** Plays what was not recorded yet, two scenarios at a time; test files that start together wait for one another's scenarios. */
async function recordMissing(jobs: readonly MarkedJob[]): Promise<void> {
  const queue = missingOf(jobs);
  if (queue.length === 0) return;
  await ensureTools([agentSdk, ...new Set(queue.map(({ job }) => `claude-code-${job.version}`))]);
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { job, marker } = next;
      await withLock(`recording-${job.version}-${job.scenario.name}`, async () => {
        if (missingOf([{ job, marker }]).length > 0) await recordJob(job, marker);
      });
    }
  };
  await Promise.all([work(), work()]);
}

async function filesBelow(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.jsonl'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function readRecording({ job, marker }: MarkedJob): Promise<RecordedScenario> {
  const folder = await readFile(`${marker}.recorded`, 'utf8');
  const { captured, notes } = JSON.parse(await readFile(join(folder, 'recording.json'), 'utf8')) as RecordingFile;
  const transcripts = await filesBelow(join(folder, 'claude', 'projects'));
  const isSubagent = (file: string): boolean => /[\\/]agent-[^\\/]*$/.test(file);
  return {
    name: job.scenario.name,
    version: job.version,
    logged: allVersions.indexOf(job.version as never) >= allVersions.indexOf(loggingSince),
    claudeDir: join(folder, 'claude'),
    cwd: join(folder, 'work'),
    captured,
    notes,
    sessions: transcripts.filter((file) => !isSubagent(file)),
    subagents: transcripts.filter(isSubagent),
  };
}

async function record(wanted: readonly Job[]): Promise<RecordedScenario[]> {
  const jobs = await Promise.all(wanted.map(async (job) => ({ job, marker: await markerOf(job) })));
  await recordMissing(jobs);
  return Promise.all(jobs.map(readRecording));
}

/**
 * Sessions written by the real Claude Code against a scripted API on loopback: recorded once, then taken from the cache.
 * @param only name of the one scenario that is wanted; default: all that the current version plays
 */
export function recordSessions(only?: string): Promise<RecordedScenario[]> {
  return record(jobsOf([currentVersion]).filter(({ scenario }) => only === undefined || scenario.name === only));
}

/** The same with all versions, oldest first: names repeat, one for each version that plays the scenario. */
export function recordEverySession(): Promise<RecordedScenario[]> {
  return record(jobsOf(allVersions));
}
