import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import type { RunId } from '../../src/core/ids.ts';
import type { RunView } from '../../src/core/run/runView.ts';
import type { Services } from '../../src/services.ts';
import { type AgentScript, branchOf, ForkStage, recorded, untilView } from '../support/forkStage.ts';
import { holdLeaving, leavingFlag, placeProcesses, untilThen } from '../support/killMatrix.ts';
import type { ReceivedRequest, Reply } from '../support/messagesApi.ts';
import { treeHash } from '../support/treeHash.ts';

/** Makes the services under test on a stage. */
export type MakeServices = (stage: ForkStage) => Promise<Services>;

/** Text of the last message that a person wrote: it tells branches apart. */
function promptOf({ body }: ReceivedRequest): string {
  const last = body.messages.findLast((message: { role: string }) => message.role === 'user');
  return JSON.stringify(last);
}

/** A command that Claude Code lets through in no mode. */
const writes = (name: string): string => `node -e "require('fs').writeFileSync('${name}', '')"`;

const isResult = (request: ReceivedRequest): boolean => promptOf(request).includes('tool_result');

/** What every engine must do with branches that Claude Code answers, with the real program. */
export function describeAgentContract(kind: ForkPlan['engine'], makeServices: MakeServices): void {
  describe(`the ${kind} engine runs agents`, () => {
    let stage: ForkStage;
    let services: Services;
    let before: string[];
    beforeAll(async () => {
      stage = await ForkStage.open();
      services = await makeServices(stage);
      before = treeHash(stage.project);
    });
    afterAll(async () => {
      await services?.dispose();
      await stage?.close();
    });

    const start = async (script: AgentScript, over: Record<string, unknown>): Promise<RunId> => {
      stage.answer(script);
      const { runId } = await services.forks.dispatch(stage.fork({ engine: kind, ...over }));
      return runId;
    };
    const run = async (script: AgentScript, over: Record<string, unknown>) =>
      services.forks.whenEnded(await start(script, over));
    const file = () => `${stage.project}/src/slugify.js`;
    const edits = (from: string, to: string): Reply => ({
      content: [{ type: 'tool_use', name: 'Edit', input: { file_path: file(), old_string: from, new_string: to } }],
    });
    const bash = (command: string): Reply => ({ content: [{ type: 'tool_use', name: 'Bash', input: { command } }] });

    it('lets each branch work on files of its own, side by side, from the files of that turn', async () => {
      const view = await run(
        (request) => {
          if (isResult(request)) return 'Done.';
          return promptOf(request).includes('terse')
            ? edits('normalize', 'normalise')
            : { content: [{ type: 'tool_use', name: 'Read', input: { file_path: file() } }] };
        },
        {
          branches: [{ name: 'as recorded' }, { name: 'terse', prompt: 'Be terse.' }],
          checks: [{ name: 'fixed', run: 'grep -q "normalize(\'NFKD\')" src/slugify.js' }],
        },
      );
      expect(view.state, JSON.stringify(view.branches.map(({ error }) => error))).toBe('completed');
      const [plain, terse] = [branchOf(view, 'as recorded'), branchOf(view, 'terse')];
      expect(plain.files).toEqual([]);
      expect(terse.files).toEqual([
        { path: 'src/slugify.js', status: 'modified', added: 1, removed: 1, binary: false },
      ]);
      expect(plain.place).toMatchObject({ kind: 'overlay', path: stage.project });
      // The third turn's own edit is not there yet: the fork point lies before it.
      const read = Object.values(plain.toolResults)[0];
      expect(JSON.stringify(await services.blobs.get(read!.result))).not.toContain('emoji');
      expect(plain.prefix).toMatchObject({ stopsAt: null });
      expect(plain.checks).toMatchObject([{ name: 'fixed', passed: true, exitCode: 0 }]);
      expect(terse.checks).toMatchObject([{ name: 'fixed', passed: false, exitCode: 1 }]);
      expect(view.checks.forkPoint).toMatchObject([{ name: 'fixed', passed: true }]);
      expect(view.checks.recorded).toMatchObject([{ name: 'fixed', passed: true }]);
      expect(await stage.read('src/slugify.js')).toBe(recorded.end);
      const patch = await services.agents.patch(view.runId, 'fork-point', terse.branchId);
      expect(patch).toContain('-  return text.normalize');
      const toRecorded = await services.agents.files(view.runId, 'fork-point', 'recorded');
      expect(toRecorded).toMatchObject([{ path: 'src/slugify.js', added: 1 }]);
    });

    it('waits for a person, lets another work meanwhile, passes the answer on once, and refuses what nobody asked', async () => {
      const branches = [{ name: 'one' }, { name: 'other', prompt: 'Ask, too.' }];
      const script: AgentScript = (request) => (isResult(request) ? 'Done.' : bash(writes('asked.txt')));
      const runId = await start(script, { branches, concurrency: 1 });
      const asked = await untilView(services, runId, (view) =>
        view.branches.every(({ questions }) => questions.length === 1),
      );
      const branch = branchOf(asked, 'one');
      expect(branch).toMatchObject({ state: 'waiting', waitingFor: 'answer' });
      const [question] = branch.questions;
      expect(question).toMatchObject({ tool: 'Bash', input: { command: writes('asked.txt') } });
      await expect(
        services.forks.answer(runId, 'one', 'toolu_none', { behavior: 'allow', scope: 'call' }),
      ).rejects.toMatchObject({ exitCode: 2 });
      await services.forks.answer(runId, 'one', question!.callId, { behavior: 'allow', scope: 'call' });
      await expect(
        services.forks.answer(runId, 'one', question!.callId, { behavior: 'deny', scope: 'call' }),
      ).rejects.toMatchObject({ exitCode: 2 });
      const { callId } = branchOf(asked, 'other').questions[0]!;
      await services.forks.answer(runId, 'other', callId, { behavior: 'deny', scope: 'call' });
      const view = await services.forks.whenEnded(runId);
      expect(branchOf(view, 'one').files).toMatchObject([{ path: 'asked.txt', status: 'added' }]);
    });

    it('tells the agent what a person says who denies', async () => {
      const seen: string[] = [];
      const runId = await start((request) => {
        if (!isResult(request)) return bash(writes('denied.txt'));
        seen.push(promptOf(request));
        return 'Then not.';
      }, {});
      const asked = await untilView(services, runId, ({ branches }) => branches[0]?.questions.length === 1);
      await services.forks.answer(runId, 'one', branchOf(asked, 'one').questions[0]!.callId, {
        behavior: 'deny',
        scope: 'call',
        message: 'Leave the disk alone.',
      });
      const view = await services.forks.whenEnded(runId);
      expect(view.state).toBe('completed');
      expect(branchOf(view, 'one').files).toEqual([]);
      expect(seen[0]).toContain('Leave the disk alone.');
    });

    it('keeps what the others did when one branch fails', async () => {
      const view = await run(
        (request) => {
          if (promptOf(request).includes('refused')) return { status: 401, errorType: 'authentication_error' };
          return isResult(request) ? 'Done.' : edits('normalize', 'normalise');
        },
        { branches: [{ name: 'fine' }, { name: 'refused', prompt: 'This one is refused.' }] },
      );
      expect(view.state).toBe('failed');
      expect(branchOf(view, 'fine')).toMatchObject({ state: 'completed', files: [{ path: 'src/slugify.js' }] });
      expect(branchOf(view, 'refused')).toMatchObject({ state: 'failed', error: { hint: expect.any(String) } });
    });

    it('cancels a branch within a second, keeps what it did, and leaves no process', async () => {
      const script: AgentScript = (request) => (isResult(request) ? 'Done.' : bash('touch begun.txt; sleep 600'));
      const runId = await start(script, { permissions: 'bypass' });
      const begun = ({ branches: [branch] }: RunView) => existsSync(path.join(branch?.place?.root ?? '', 'begun.txt'));
      await untilView(services, runId, begun);
      const asked = performance.now();
      await services.forks.cancel(runId);
      const view = await services.forks.whenEnded(runId);
      expect(performance.now() - asked).toBeLessThan(5_000);
      expect(branchOf(view, 'one')).toMatchObject({ state: 'cancelled', files: [{ path: 'begun.txt' }] });
      expect((await services.agents.places()).find(({ id }) => id.runId === runId)).toMatchObject({ inUse: false });
    });

    it('takes an agent at its word that is killed between its result and its end', async () => {
      holdLeaving(stage);
      const asked = stage.api.requests.length;
      const runId = await start(() => 'Done.', { branches: [{ name: 'leaves' }] });
      await untilThen(() => existsSync(leavingFlag(stage.folder, runId)));
      const agents = placeProcesses(stage).filter(({ command }) => command.startsWith(`${stage.program} `));
      expect(agents).toHaveLength(1);
      for (const { pid } of agents) process.kill(pid, 'SIGKILL');
      const view = await services.forks.whenEnded(runId);
      expect(branchOf(view, 'leaves')).toMatchObject({ state: 'completed', text: 'Done.', error: null, inDoubt: [] });
      expect(stage.api.requests.length - asked).toBe(1);
    });

    it('breaks off all checks with a run that is cancelled, and tells nothing of them', async () => {
      const flag = path.join(stage.folder, crypto.randomUUID());
      const slow = `[ "$FORKPOINT_BRANCH_NAME" != one ] || touch '${flag}'; sleep 600`;
      const runId = await start(() => 'Done.', { checks: [{ name: 'slow', run: slow }] });
      await untilThen(() => existsSync(flag));
      const since = performance.now();
      await services.forks.cancel(runId);
      const view = await services.forks.whenEnded(runId);
      expect(performance.now() - since).toBeLessThan(10_000);
      expect(view).toMatchObject({ state: 'cancelled', checks: { forkPoint: [], recorded: [] } });
      expect(view.branches[0]).toMatchObject({ state: 'cancelled', text: 'Done.', checks: [] });
    });

    it('ends a branch whose time is up, but not while it waits for a person', async () => {
      const began = performance.now();
      const secondsGone = () => (performance.now() - began) / 1_000;
      const runId = await start(
        (request) => (isResult(request) ? { content: 'Hm', ending: 'hang', endAfter: 1 } : bash(writes('slow.txt'))),
        { timeoutSeconds: 600 },
      );
      const asked = await untilView(services, runId, ({ branches }) => branches[0]?.questions.length === 1);
      // More than it has worked until now, less than it will have been there.
      const timeoutSeconds = Math.ceil(secondsGone()) + 1;
      await services.forks.changeLimits(runId, { timeoutSeconds });
      while (secondsGone() < timeoutSeconds + 1) await new Promise((resolve) => setTimeout(resolve, 100));
      await services.forks.answer(runId, 'one', branchOf(asked, 'one').questions[0]!.callId, {
        behavior: 'allow',
        scope: 'call',
      });
      const view = await services.forks.whenEnded(runId);
      expect(branchOf(view, 'one')).toMatchObject({ state: 'failed', stopReason: 'timeout' });
    });

    it('makes one run of a double dispatch', async () => {
      stage.answer(() => 'Once.');
      const requests = stage.api.requests.length;
      const runId = services.forks.newRunId();
      const fork = stage.fork({ engine: kind });
      await Promise.all([services.forks.dispatch(fork, runId), services.forks.dispatch(fork, runId)]);
      const view = await services.forks.whenEnded(runId);
      expect(branchOf(view, 'one')).toMatchObject({ state: 'completed', text: 'Once.', attempts: 1 });
      expect(stage.api.requests.length - requests).toBe(1);
    });

    it('replays the recorded prompts one after another in one place', async () => {
      const prompts: string[] = [];
      stage.answer((request) => {
        if (!isResult(request)) prompts.push(promptOf(request));
        return `Answer ${prompts.length}.`;
      });
      const { runId } = await services.forks.dispatchReplay({
        session: recorded.sessionId,
        from: 1,
        models: [],
        repeats: 1,
        engine: kind,
        executor: 'claude-code',
        tools: 'recorded',
        maxSteps: 20,
        timeoutSeconds: 600,
      });
      const view = await services.forks.whenEnded(runId);
      expect(view.branches[0]).toMatchObject({ state: 'completed', steps: 3 });
      expect(prompts).toHaveLength(3);
      recorded.prompts.forEach((prompt, index) => expect(prompts[index]).toContain(prompt));
    });

    it('leaves the project, its repository and the recording as they were', async () => {
      expect(treeHash(stage.project)).toEqual(before);
    });
  });
}
