import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunId } from '../../src/core/ids.ts';
import type { Services } from '../../src/services.ts';
import { bundleCli } from '../support/cli.ts';
import { branchOf, ForkStage, recorded } from '../support/forkStage.ts';
import {
  agentMoments,
  holdLeaving,
  KillMatrix,
  moments,
  runMoments,
  timesLogged,
  untilThen,
} from '../support/killMatrix.ts';
import { canMountDisks, SmallDisk } from '../support/smallDisk.ts';
import { treeHash } from '../support/treeHash.ts';

let stage: ForkStage;
let cli: Awaited<ReturnType<typeof bundleCli>>;
let before: string[];
beforeAll(async () => {
  stage = await ForkStage.open();
  cli = await bundleCli();
  before = treeHash(stage.project);
});
afterAll(async () => {
  await cli?.remove();
  await stage?.close();
});

function forkpoint(...args: string[]): ChildProcess {
  const env = { ...stage.env, FORKPOINT_HOME: stage.home, FORKPOINT_CLAUDE: stage.program };
  return spawn(process.execPath, [cli.script, ...args], {
    cwd: stage.folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

type StartHost = (request: Record<string, unknown>) => ChildProcess;

const byCommand: StartHost = (request) => {
  const file = path.join(stage.folder, `${crypto.randomUUID()}.fork.yaml`);
  writeFileSync(file, JSON.stringify(request));
  return forkpoint('fork', '--file', file, '--yes');
};

const withoutNamespaces: StartHost = (request) => {
  const program = path.join(import.meta.dirname, '../support/forkProgram.ts');
  const order = JSON.stringify({ options: { ...stage.options, namespaces: false }, request });
  const flags = ['--experimental-transform-types', '--no-warnings'];
  return spawn(process.execPath, [...flags, program, order], { env: stage.env, stdio: ['ignore', 'ignore', 'pipe'] });
};

/** Starts a run in a process of its own. */
async function startRun(
  services: Services,
  fork: Record<string, unknown>,
  startHost = byCommand,
): Promise<[ChildProcess, RunId]> {
  const request = { session: recorded.sessionId, at: { turn: 3 }, executor: 'claude-code', ...fork };
  const known = new Set(await services.runs.list());
  const host = startHost(request);
  let runId: RunId | undefined;
  await untilThen(async () => {
    runId = (await services.runs.list()).find((id) => !known.has(id));
    return runId !== undefined;
  });
  return [host, runId as RunId];
}

/** Until it is reaped, a killed process still counts as alive. */
async function killed(host: ChildProcess): Promise<void> {
  const gone = once(host, 'exit');
  host.kill('SIGKILL');
  await gone;
}

/** Its exit code and what it said. */
async function endOf(host: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = '';
  host.stderr?.on('data', (piece: Buffer) => {
    said += piece.toString('utf8');
  });
  const [code] = (await once(host, 'close')) as [number | null];
  return { code, said };
}

it.each([
  ['overlay', byCommand],
  ['worktree', withoutNamespaces],
] as const)(
  'a host that is killed leaves branches at any moment that a resume finishes, in their places and sessions: %s',
  async (place, startHost) => {
    const services = await stage.services({ namespaces: place === 'overlay' });
    const matrix = new KillMatrix(stage, moments, place);
    const [host, runId] = await startRun(services, matrix.fork, startHost);
    try {
      await matrix.untilThere(services, runId);
      await killed(host);
      expect(await matrix.left(services, runId)).toEqual(matrix.nothingLeft);
      const left = await services.forks.run(runId);
      expect(left.interrupted).toBe(true);
      for (const { name, error } of left.branches) expect(error, name).toMatchObject({ code: 'interrupted' });
      await services.forks.resume(runId);
      expect(matrix.finished(await services.forks.whenEnded(runId), left)).toEqual(matrix.allDone);
    } finally {
      host.kill('SIGKILL');
      await services.dispose();
    }
  },
  120_000,
);

it('agents that are killed at any moment go on by themselves, and say which calls are in doubt', async () => {
  const services = await stage.services();
  const matrix = new KillMatrix(stage, agentMoments);
  try {
    const { runId } = await services.forks.dispatch(stage.fork(matrix.fork));
    const there = await matrix.untilThere(services, runId);
    const agents = matrix.agents();
    expect(agents).toHaveLength(agentMoments.length);
    for (const { pid } of agents) process.kill(pid, 'SIGKILL');
    expect(matrix.finished(await services.forks.whenEnded(runId), there)).toEqual(matrix.allDone);
  } finally {
    await services.dispose();
  }
});

it.each(runMoments)(
  'a host that is killed while it $name is followed by one of two that resume',
  async ({ branch, place, isThen, next }) => {
    const services = await stage.services();
    holdLeaving(stage);
    const watch = new KillMatrix(stage, []);
    const prompt = `Once, before ${next}.`;
    let asked = 0;
    stage.answer(() => {
      asked += 1;
      return { content: 'Done.', before: 1_500 };
    });
    const [host, runId] = await startRun(services, { place, branches: [{ name: branch, prompt }] });
    try {
      await untilThen(() => isThen(stage.home, runId, stage.folder));
      host.kill('SIGSTOP');
      // Else it was not the moment that it was to be.
      expect(timesLogged(stage.home, runId, next)).toBe(0);
      await killed(host);
      expect(await watch.left(services, runId)).toEqual(watch.nothingLeft);
      const [one, two] = await Promise.all([1, 2].map(() => endOf(forkpoint('resume', runId, '--yes'))));
      const told = [one, two].filter((end) => end?.code !== 0);
      // Where nothing is left but the end, the other may come when it is reached.
      if (next === 'place-ready') expect(told).toHaveLength(1);
      for (const end of told)
        expect(end).toMatchObject({ code: 2, said: expect.stringMatching(/drives this run|left undone/) });
      expect(timesLogged(stage.home, runId, 'run-started')).toBe(2);
      const view = await services.forks.run(runId);
      expect(branchOf(view, branch)).toMatchObject({ state: 'completed', text: 'Done.', error: null });
      expect(asked).toBe(1);
      expect(readdirSync(path.join(stage.home, 'places', runId)).filter((name) => name.startsWith('.'))).toEqual([]);
      expect(watch.finished(view, view)).toEqual(watch.allDone);
    } finally {
      host.kill('SIGKILL');
      await services.dispose();
    }
  },
);

describe.runIf(canMountDisks)('a disk that is full', () => {
  let disk: SmallDisk;
  let home: string;

  beforeAll(() => {
    disk = new SmallDisk(path.join(stage.folder, 'small'), 8);
    home = disk.folder;
  });
  afterAll(() => {
    disk.unmount();
  });

  it('ends a branch with what to do, and asks nothing twice', async () => {
    const services = await stage.services({ home });
    let prompts = 0;
    try {
      stage.answer(({ body }) => {
        if (JSON.stringify(body.messages.at(-1)).includes('tool_result')) return 'Done.';
        prompts += 1;
        // Room for the log, not for the reply, whatever of the run is cleared away meanwhile.
        disk.fill(16_384);
        const input = { file_path: path.join(stage.project, 'large.txt'), content: 'x'.repeat(3_000_000) };
        return { content: [{ type: 'tool_use', name: 'Write', input }] };
      });
      const { runId } = await services.forks.dispatch(stage.fork());
      const view = await services.forks.whenEnded(runId);
      expect(view.branches[0]).toMatchObject({
        state: 'failed',
        error: {
          code: 'storage',
          message: expect.stringMatching(/^Can't store a part of the run/),
          hint: expect.stringContaining('the disk is not full'),
        },
      });
      expect(prompts).toBe(1);
      await services.forks.delete(runId);
      expect((await services.agents.places()).filter(({ id }) => id.runId === runId)).toEqual([]);
    } finally {
      disk.free();
      await services.dispose();
    }
  });

  it('to the last byte lets a run be read and removed', async () => {
    const services = await stage.services({ home });
    try {
      stage.answer(() => {
        disk.fill();
        return 'x'.repeat(20_000);
      });
      const { runId } = await services.forks.dispatch(stage.fork());
      await expect(services.forks.whenEnded(runId)).rejects.toMatchObject({ code: 'storage' });
      expect((await services.forks.runs()).map((run) => run.runId)).toContain(runId);
      expect(branchOf(await services.forks.run(runId), 'one').place).not.toBeNull();
      await services.forks.delete(runId);
      expect((await services.agents.places()).filter(({ id }) => id.runId === runId)).toEqual([]);
    } finally {
      disk.free();
      await services.dispose();
    }
  });

  it('while a place is prepared leaves nothing of it, and says so', async () => {
    const services = await stage.services({ home });
    try {
      const { runId } = await services.forks.dispatch(stage.fork({ setup: ['true'] }));
      // Not enough for a place. What was made of it goes first, so the log has room.
      disk.fill(8_192);
      const view = await services.forks.whenEnded(runId);
      expect(view.branches[0]?.error).toMatchObject({
        code: 'place',
        message: expect.stringMatching(/^The disk is full: .* could not be made/),
      });
      expect(readdirSync(path.join(home, 'places', runId))).toEqual([]);
    } finally {
      disk.free();
      await services.dispose();
    }
  });
});

it('nothing of the person’s changed in all of that', () => {
  expect(treeHash(stage.project)).toEqual(before);
});
