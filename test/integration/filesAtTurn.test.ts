import { cp, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSessionStore } from '../../src/adapters/sessions/createSessionStore.ts';
import type { FileCut, FileReading, Side } from '../../src/core/files/fileState.ts';
import type { OpenSession } from '../../src/core/fork/sessionStore.ts';
import { bundleCli, CliBench } from '../support/cli.ts';
import { sha256OfBytes } from '../support/fileSession.ts';
import { openNumber } from '../support/openRecordings.ts';
import { currentVersion, type RecordedScenario, recordSessions } from '../support/recordSessions.ts';
import { fileBattery, type RequestsOnDisk, type TurnOnDisk } from '../support/scenarios/fileBattery.ts';
import { playScenario } from '../support/stage.ts';
import { sha256 } from '../support/transcript.ts';

/** What was said of one file beside one turn, and whether it is what was on disk. */
interface Told {
  place: string;
  right: boolean;
  certainty: 'exact' | 'likely' | 'unknown';
  source: string;
}

/** Compares every state that is told with what was on disk. Contents are base64, with or without a mode before them. */
async function compare(session: OpenSession, states: readonly TurnOnDisk[], reading?: FileReading): Promise<Told[]> {
  const told: Told[] = [];
  for (const { index, prompt } of session.session.turns) {
    const truth = states.find((state) => state.prompt === prompt);
    if (truth === undefined) continue;
    for (const file of (await session.files(index, reading)).files) {
      for (const side of ['before', 'after'] satisfies Side[]) {
        const state = file[side];
        const place = `${side} “${prompt}” ${file.path}`;
        if (state.kind === 'unknown') {
          told.push({ place, right: true, certainty: 'unknown', source: 'none' });
          continue;
        }
        const [mode, base64] = (truth[side][file.path] ?? '').includes(':')
          ? (truth[side][file.path] ?? '').split(':')
          : [null, truth[side][file.path]];
        const content = await session.fileContent(index, file.path, side, reading);
        const found = content === null ? undefined : Buffer.from(content).toString('base64');
        const modeFits = state.kind !== 'content' || state.mode === null || mode === null || state.mode === mode;
        told.push({ place, right: found === base64 && modeFits, certainty: state.certainty, source: state.source });
      }
    }
  }
  return told;
}

/** Compares what is told of moments within turns with what was on disk when Claude Code asked the model there. */
async function compareWithin(session: OpenSession, recorded: readonly RequestsOnDisk[]): Promise<Told[]> {
  const told: Told[] = [];
  for (const { index, prompt, steps } of session.session.turns) {
    const { requests } = recorded.find((each) => each.prompt === prompt) ?? { requests: [] };
    for (const step of steps) {
      const cuts: (FileCut & { disk: Record<string, string> | undefined })[] = [
        { kind: 'before', uuid: step.uuids[0] ?? '', disk: requests[step.index - 1] },
        ...step.toolCalls.map(({ result }) => ({
          kind: 'after' as const,
          uuid: result?.uuid ?? '',
          disk: requests[step.index],
        })),
      ];
      for (const { disk, ...until } of cuts) {
        if (disk === undefined) throw new Error(`No request ${step.index} in “${prompt}”`);
        for (const { path, file, after: state } of (await session.files(index, { until })).files) {
          const place = `${until.kind} step ${step.index} of “${prompt}” ${path}`;
          if (state.kind === 'unknown') {
            told.push({ place, right: true, certainty: 'unknown', source: 'none' });
            continue;
          }
          const content = await session.fileContent(index, file, 'after', { until });
          const right = (content === null ? undefined : sha256OfBytes(content)) === disk[path];
          told.push({ place, right, certainty: state.certainty, source: state.source });
        }
      }
    }
  }
  return told;
}

function wrong(told: readonly Told[], certainty?: Told['certainty']): string[] {
  return told
    .filter((each) => !each.right && (certainty === undefined || each.certainty === certainty))
    .map(({ place }) => place);
}

function count(told: readonly Told[], certainty: Told['certainty']): number {
  return told.filter((each) => each.certainty === certainty).length;
}

interface Played {
  folder: string;
  claudeDir: string;
  states: TurnOnDisk[];
  requests: RequestsOnDisk[];
  sessions: string[];
}

async function play(version: string): Promise<Played> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'files-')));
  await playScenario(fileBattery, version, folder);
  const { notes } = JSON.parse(await readFile(join(folder, 'recording.json'), 'utf8'));
  return {
    folder,
    claudeDir: join(folder, 'claude'),
    states: notes.states,
    requests: notes.requests,
    sessions: notes.sessions,
  };
}

/** The same recording without the copies that Claude Code made, as if they had been cleaned up, or never made. */
async function withoutCopies(played: Played, records: 'kept' | 'removed'): Promise<string> {
  const claudeDir = join(played.folder, `claude-${records}`);
  await cp(played.claudeDir, claudeDir, { recursive: true });
  await rm(join(claudeDir, 'file-history'), { recursive: true });
  if (records === 'removed') {
    for (const entry of await readdir(join(claudeDir, 'projects'), { recursive: true, withFileTypes: true })) {
      if (!entry.name.endsWith('.jsonl')) continue;
      const file = join(entry.parentPath, entry.name);
      const lines = (await readFile(file, 'utf8'))
        .split('\n')
        .filter((line) => !line.includes('"type":"file-history-'));
      await writeFile(file, lines.join('\n'));
    }
  }
  return claudeDir;
}

function open(claudeDir: string, session: string | undefined): Promise<OpenSession> {
  return createSessionStore({ claudeDirs: [claudeDir], sha256 }).open(session ?? '');
}

describe.each([currentVersion, '2.0.76'])('files that Claude Code %s changed', (version) => {
  let played: Played;

  beforeAll(async () => {
    played = await play(version);
  });

  afterAll(() => rm(played.folder, { recursive: true, force: true }));

  it('are what was on disk at every turn', async () => {
    const told = await compare(await open(played.claudeDir, played.sessions[0]), played.states);
    // The old version does not record what differed from the commit when the session began.
    expect(wrong(told).filter((place) => version === currentVersion || !place.endsWith('sub/dirty.txt'))).toEqual([]);
    expect(count(told, 'unknown')).toBe(0);
    expect(count(told, 'exact')).toBeGreaterThan(told.length / 2);
  });

  it('are what was on disk at every request within a turn', async () => {
    const told = await compareWithin(await open(played.claudeDir, played.sessions[0]), played.requests);
    expect(wrong(told, 'exact')).toEqual([]);
    const hidden = version === currentVersion ? /new\.txt/ : /new\.txt|sub\/dirty\.txt|book\.ipynb/;
    expect(wrong(told).filter((place) => !hidden.test(place))).toEqual([]);
    expect(count(told, 'exact')).toBeGreaterThan(told.length / 3);
  });

  it('are never exact and wrong without git', async () => {
    const told = await compare(await open(played.claudeDir, played.sessions[0]), played.states, { git: false });
    expect(wrong(told, 'exact')).toEqual([]);
    expect(told.some(({ source }) => source === 'git')).toBe(false);
  });

  it('are never exact and wrong in a fork, which leaves out what another branch did', async () => {
    const forked = played.sessions.at(-1);
    const told = await compare(await open(played.claudeDir, forked), played.states);
    expect(wrong(told, 'exact')).toEqual([]);
    expect(count(told, 'exact')).toBeGreaterThan(told.length / 3);
  });

  it.each(['kept', 'removed'] as const)('are replayed where the copies are gone, their records %s', async (records) => {
    const claudeDir = await withoutCopies(played, records);
    const told = await compare(await open(claudeDir, played.sessions[0]), played.states);
    expect(wrong(told, 'exact')).toEqual([]);
    expect(told.some(({ source }) => source === 'checkpoint' && records === 'removed')).toBe(false);
    // What only the shell or another branch did to a file stays hidden, and what old versions did to notebooks.
    const hidden = version === currentVersion ? /new\.txt|“Go back\.”/ : /new\.txt|sub\/dirty\.txt|book\.ipynb/;
    expect(wrong(told).filter((place) => !hidden.test(place))).toEqual([]);
  });
});

describe('recorded scenarios with edits', () => {
  let recorded: RecordedScenario[];

  beforeAll(async () => {
    recorded = await recordSessions();
  });

  it.each([
    ['checkpoints', 30],
    ['checkpoints', 31],
    ['checkpoints-off', 32],
    ['checkpoints-off-git', 33],
  ])('%s (%i): nothing is exact and wrong', async (name, number) => {
    const scenario = recorded.find((each) => each.name === name);
    if (scenario === undefined) throw new Error(`No scenario ${name}`);
    const told = await compare(await openNumber(scenario, number), scenario.notes['states'] as TurnOnDisk[]);
    expect(told.length).toBeGreaterThan(10);
    expect(wrong(told, 'exact')).toEqual([]);
    if (name === 'checkpoints') expect(count(told, 'exact')).toBeGreaterThan(told.length / 2);
  });

  it('leave the folder of Claude Code as it was', async () => {
    const scenario = recorded.find(({ name }) => name === 'checkpoints');
    const folder = scenario?.claudeDir ?? '';
    const times = async () => {
      const entries = await readdir(folder, { recursive: true });
      return Promise.all(entries.sort().map(async (entry) => [entry, (await stat(join(folder, entry))).mtimeMs]));
    };
    const before = await times();
    if (scenario !== undefined) await compare(await openNumber(scenario, 30), scenario.notes['states'] as TurnOnDisk[]);
    expect(await times()).toEqual(before);
  });
});

describe('forkpoint files', () => {
  let cli: Awaited<ReturnType<typeof bundleCli>>;
  let bench: CliBench;
  let scenario: RecordedScenario;
  const session = '00000000-0000-4000-8000-000000000030';

  beforeAll(async () => {
    cli = await bundleCli();
    bench = await CliBench.make(cli.script);
    const found = (await recordSessions()).find(({ name }) => name === 'checkpoints');
    if (found === undefined) throw new Error('No scenario checkpoints');
    scenario = found;
  });

  afterAll(async () => {
    await bench.remove();
    await cli.remove();
  });

  function run(...args: string[]) {
    return bench.run(['files', session, '--claude-dir', scenario.claudeDir, ...args]);
  }

  it('lists what each file held, with its source and certainty', async () => {
    const { code, json } = await run('--turn', '1', '--json');
    expect(code).toBe(0);
    const { turn, files, warnings } = json();
    expect({ turn, warnings }).toEqual({ turn: 1, warnings: [] });
    expect(files.find(({ path }: { path: string }) => path === 'windows.txt')).toMatchObject({
      file: join(scenario.cwd, 'windows.txt'),
      before: { kind: 'content', source: 'checkpoint', certainty: 'exact', bytes: 17 },
      after: { kind: 'content', source: 'checkpoint', certainty: 'exact', bytes: 18 },
      changed: true,
      changedBy: ['edit'],
    });
    const text = await run('--turn', '2');
    expect(text.stdout).toMatch(/changed +plain\.txt +.*exact, checkpoint.* shell/);
    expect(text.stdout).toContain('Shell commands ran in this turn');
  });

  it('prints the very bytes of one', async () => {
    expect((await run('--turn', '1', '--show', 'windows.txt', '--side', 'before')).stdout).toBe(
      'one\r\ntwo\r\nthree\r\n',
    );
    expect((await run('--turn', '1', '--show', join(scenario.cwd, 'windows.txt'))).stdout).toBe(
      'one\r\nzwei\r\nthree\r\n',
    );
    const { json } = await run('--turn', '1', '--show', 'bom.txt', '--json');
    expect(Buffer.from(json().base64, 'base64').toString()).toBe('\uFEFFstill marked\n');
  });

  it.each([
    [['--turn', '9'], 3, 'not_found'],
    [['--turn', '1', '--show', '../../etc/passwd'], 3, 'not_found'],
    [['--turn', '1', '--show', 'src/created.txt', '--side', 'before'], 3, 'not_found'],
    [['--turn', '0'], 2, 'bad_input'],
    [[], 2, 'bad_input'],
    [['--turn', '1', '--side', 'now'], 2, 'bad_input'],
  ])('%j ends with %i', async (args, code, error) => {
    const result = await run(...args, '--json');
    expect(result.code).toBe(code);
    expect(result.json().error).toMatchObject({ code: error, hint: expect.any(String) });
  });
});
