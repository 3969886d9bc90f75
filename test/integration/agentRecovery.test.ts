import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Services } from '../../src/services.ts';
import { bundleCli } from '../support/cli.ts';
import { branchOf, ForkStage, recorded, untilView } from '../support/forkStage.ts';
import type { ReceivedRequest } from '../support/messagesApi.ts';
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

const lastPrompt = ({ body }: ReceivedRequest): string =>
  JSON.stringify(body.messages.findLast(({ role }: { role: string }) => role === 'user'));

/** Begins a long command; whoever was interrupted in it looks, and is done. */
function slowly(marker: string): { prompts: string[] } {
  const prompts: string[] = [];
  stage.answer((request) => {
    const last = lastPrompt(request);
    prompts.push(last);
    if (last.includes('You were interrupted')) return 'I looked: it was begun.';
    if (last.includes('tool_result')) return 'Done.';
    const command = `echo once >> ${marker}; sleep 600`;
    return { content: [{ type: 'tool_use', name: 'Bash', input: { command } }] };
  });
  return { prompts };
}

/** Processes of this machine whose command line or working folder lies in the stage. */
async function processesOfStage(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (command.includes(stage.folder) || cwd.startsWith(stage.folder)) found.push(`${pid} ${command.slice(0, 80)}`);
  }
  return found;
}

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('It never came to that.');
}

function forkpoint(...args: string[]): ChildProcess {
  const env = { ...stage.env, FORKPOINT_HOME: stage.home, FORKPOINT_CLAUDE: stage.program };
  return spawn(process.execPath, [cli.script, ...args], { cwd: stage.folder, env, stdio: 'ignore' });
}

/** Until it is reaped, a killed process still counts as alive. */
async function killed(host: ChildProcess): Promise<void> {
  const gone = once(host, 'exit');
  host.kill('SIGKILL');
  await gone;
}

async function begun(services: Services, runId: Parameters<Services['forks']['run']>[0], marker: string) {
  const view = await untilView(services, runId, ({ branches }) => branches[0]?.toolCalls.length === 1);
  await until(() => existsSync(path.join(branchOf(view, 'as recorded').place?.root ?? '', marker)));
  return branchOf(view, 'as recorded');
}

it('a host that is killed takes its agents with it, and the branch is resumed in its place and session', async () => {
  const { prompts } = slowly('host.txt');
  const services = await stage.services();
  const host = forkpoint(
    'fork',
    recorded.sessionId,
    '--turn',
    '3',
    '--executor',
    'claude-code',
    '--permissions',
    'bypass',
    '--i-know',
    '--yes',
  );
  try {
    await until(async () => (await services.runs.list()).length === 1);
    const [runId] = await services.runs.list();
    const branch = await begun(services, runId!, 'host.txt');
    await killed(host);
    await until(async () => (await processesOfStage()).length === 0);
    const left = await services.forks.run(runId!);
    expect(left).toMatchObject({
      interrupted: true,
      branches: [{ error: { code: 'interrupted' }, place: branch.place }],
    });

    await services.forks.resume(runId!);
    const view = await services.forks.whenEnded(runId!);
    expect(branchOf(view, 'as recorded')).toMatchObject({
      state: 'completed',
      sessionId: branch.sessionId,
      place: branch.place,
      inDoubt: [{ tool: 'Bash' }],
      files: [{ path: 'host.txt', added: 1 }],
    });
    expect(prompts.filter((text) => text.includes(recorded.prompts[2]!) && !text.includes('tool_result'))).toHaveLength(
      1,
    );
  } finally {
    host.kill('SIGKILL');
    await services.dispose();
  }
});

it('an agent that is killed in the middle of a tool goes on by itself, and says which call is in doubt', async () => {
  slowly('agent.txt');
  const services = await stage.services();
  try {
    const fork = stage.fork({ permissions: 'bypass', branches: [{ name: 'as recorded' }] });
    const { runId } = await services.forks.dispatch(fork);
    await begun(services, runId, 'agent.txt');
    const agents = (await processesOfStage()).filter(
      (line) => line.includes('--input-format') || line.includes(stage.program),
    );
    expect(agents.length).toBeGreaterThan(0);
    for (const line of agents) process.kill(Number(line.split(' ')[0]), 'SIGKILL');
    const view = await services.forks.whenEnded(runId);
    expect(branchOf(view, 'as recorded')).toMatchObject({
      state: 'completed',
      inDoubt: [{ tool: 'Bash' }],
      files: [{ path: 'agent.txt', added: 1 }],
    });
  } finally {
    await services.dispose();
  }
});

it('a host that is killed while it prepares leaves nothing half made that a resume could not use', async () => {
  stage.answer(() => 'Done.');
  const services = await stage.services();
  const known = (await services.runs.list()).length;
  const args = ['fork', recorded.sessionId, '--turn', '3', '--executor', 'claude-code', '--yes', '--setup', 'sleep 30'];
  const host = forkpoint(...args);
  try {
    await until(async () => (await services.runs.list()).length === known + 1);
    const [runId] = await services.runs.list();
    await untilView(services, runId!, ({ branches }) => branches[0]?.place !== null);
    await killed(host);
    await until(async () => (await processesOfStage()).length === 0);
    expect((await services.agents.places()).find(({ id }) => id.runId === runId)).toMatchObject({
      inUse: false,
      orphan: false,
    });
    await services.forks.run(runId!);
    await services.forks.cancel(runId!);
    await services.forks.delete(runId!);
    expect((await services.agents.places()).filter(({ id }) => id.runId === runId)).toEqual([]);
  } finally {
    host.kill('SIGKILL');
    await services.dispose();
  }
});

it('nothing of the person’s changed in all of that', () => {
  expect(treeHash(stage.project)).toEqual(before);
});
