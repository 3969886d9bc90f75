import path from 'node:path';
import { createBlobStore } from '../../../src/adapters/blobs/createBlobStore.ts';
import { createChangeStore } from '../../../src/adapters/changes/createChangeStore.ts';
import { createRunStore } from '../../../src/adapters/runs/createRunStore.ts';
import type { ChangeSet } from '../../../src/core/changes/changes.ts';
import type { Disposable } from '../../../src/core/disposable.ts';
import { forkPlanSchema } from '../../../src/core/fork/forkPlan.ts';
import { branchIdSchema } from '../../../src/core/ids.ts';
import type { BranchEvent } from '../../../src/core/run/branchEvent.ts';
import type { GivenAnswer } from '../../../src/core/run/ports.ts';
import { buildPlan } from '../../support/storedPlan.ts';

export interface SeededFile {
  path: string;
  before: string | null;
  after: string | null;
}

/** An event without what `tell` adds. */
type Told<E = BranchEvent> = E extends unknown ? Omit<E, 'runId' | 'at'> : never;

/** A run of two agents in a data folder, as the process that drives it writes it: one has ended, one waits for a person. */
export async function seedAgentRun(home: string, workspace: string, files: readonly SeededFile[]) {
  const runs = createRunStore(path.join(home, 'runs'));
  const blobs = createBlobStore(path.join(home, 'blobs'));
  const changes = createChangeStore(path.join(home, 'places'));
  const drawn = await buildPlan(blobs, { branches: [{ name: 'cheaper' }, { name: 'as recorded' }] });
  const placed = await blobs.put({ files: [], unknown: [], warnings: [] });
  const prompts = await blobs.put({
    branch: { model: null, effort: null, system: null, thinking: null },
    turns: [{ turn: 1, content: [{ type: 'text', text: 'Now handle emoji' }] }],
  });
  const plan = forkPlanSchema.parse({
    ...drawn,
    title: 'Now handle emoji',
    executor: 'claude-code',
    session: { ...drawn.session, projectPath: workspace },
    agent: {
      program: '/nowhere/claude',
      version: null,
      configDir: path.join(home, 'claude'),
      folder: workspace,
      place: 'auto',
      filesChoice: 'turn',
      base: null,
      files: placed,
      recordedEnd: null,
      chain: await blobs.put({
        lines: [],
        leafUuid: null,
        cwd: workspace,
        version: null,
        permissionMode: null,
        tools: null,
        prompt: null,
      }),
      recordedRequest: null,
      permissions: 'ask',
      allowedCommands: null,
      setup: [],
      teardown: [],
      include: [],
      checks: [{ name: 'npm test', run: 'npm test' }],
      maxTurns: null,
      concurrency: 2,
    },
    branches: drawn.branches.map((branch) => ({ ...branch, agent: prompts })),
  });
  await runs.create(plan);
  const owned = await runs.own(plan.runId);
  const tell = async (...events: Told[]) => {
    for (const event of events) {
      await runs.append({ ...event, runId: plan.runId, at: new Date().toISOString() } as BranchEvent);
    }
  };
  const version = async (text: string | null) => {
    if (text === null) return null;
    const bytes = new TextEncoder().encode(text);
    return { oid: await changes.put(plan.runId, bytes), mode: '100644' as const, bytes: bytes.length };
  };
  const set: ChangeSet = { root: workspace, changes: [], notes: [] };
  for (const { path: name, before, after } of files)
    set.changes.push({ path: name, before: await version(before), after: await version(after) });
  const [done, asks] = ['b1', 'b2'].map((id) => branchIdSchema.parse(id)) as [never, never];
  const placeOf = (branchId: string) => ({
    kind: 'overlay' as const,
    path: workspace,
    root: path.join(home, 'places', plan.runId, branchId),
  });
  const sessionId = '5e551011-0000-4000-8000-00000000000a';
  const begin = (branchId: never): Told[] => [
    { type: 'branch-started', branchId },
    { type: 'place-ready', branchId, place: placeOf(branchId), sessionId, port: null, notes: [] },
    { type: 'prompt-sent', branchId, turn: 1, promptsBefore: 0, resumed: false, inDoubt: [] },
  ];
  const output = await blobs.put({ text: '\u001b[32m✓\u001b[39m 3 tests passed\n' });
  await tell(
    { type: 'run-started', attempt: 1 },
    ...begin(done),
    { type: 'agent-turn-ended', branchId: done, turn: 1, kind: 'completed', costUsd: 0, activeMs: 1_000 },
    {
      type: 'files-changed',
      branchId: done,
      files: await changes.files(plan.runId, { a: null, b: set }),
      commits: [{ sha: '1a2b3c4d5e6f70811a2b3c4d5e6f70811a2b3c4d', subject: 'Handle emoji' }],
      changes: await blobs.put(set),
      notes: [],
    },
    { type: 'check-ended', branchId: done, result: { name: 'npm test', exitCode: 0, passed: true, ms: 2_100, output } },
    {
      type: 'branch-ended',
      branchId: done,
      outcome: { state: 'completed', stopReason: 'end_turn', error: null, billing: 'known', divergedAtTurn: null },
    },
    ...begin(asks),
    {
      type: 'question-asked',
      branchId: asks,
      question: {
        callId: 'toolu_1',
        tool: 'Bash',
        input: { command: 'npm install left-pad' },
        askedAt: new Date().toISOString(),
        reason: null,
      },
    },
  );
  const answers: GivenAnswer[] = [];
  const listening: Disposable = runs.onAnswered(plan.runId, (given) => {
    answers.push(given);
    void tell(
      { type: 'question-answered', branchId: asks, callId: given.callId, answer: given.answer },
      {
        type: 'branch-ended',
        branchId: asks,
        outcome: { state: 'completed', stopReason: 'end_turn', error: null, billing: 'known', divergedAtTurn: null },
      },
      { type: 'run-ended', state: 'completed' },
    );
  });
  return {
    answers,
    dispose: () => {
      listening.dispose();
      owned.dispose();
    },
  };
}
