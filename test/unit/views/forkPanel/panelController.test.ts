import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { FoundAgent } from '../../../../src/core/agent/agentPorts.ts';
import type { Executor } from '../../../../src/core/agent/agentSettings.ts';
import {
  AgentError,
  BadInputError,
  EngineUnavailableError,
  ForkPointError,
  NotFoundError,
} from '../../../../src/core/errors.ts';
import type { ForkRequest } from '../../../../src/core/fork/forkRequest.ts';
import type { SessionChange } from '../../../../src/core/fork/sessionStore.ts';
import { branchIdSchema, runIdSchema } from '../../../../src/core/ids.ts';
import type { RunView } from '../../../../src/core/run/runView.ts';
import type { ForkPreview, ForkService } from '../../../../src/core/useCases/forkService.ts';
import { DraftStore } from '../../../../src/views/forkPanel/draftStore.ts';
import type { PanelContext, PanelServices } from '../../../../src/views/forkPanel/panelContext.ts';
import { PanelController } from '../../../../src/views/forkPanel/panelController.ts';
import { methods } from '../../../../src/views/forkPanel/protocol.ts';
import { wholePrefix } from '../../../support/plans.ts';
import { agentDefaults, agentPreview } from '../support/agents.ts';
import { branch, run } from '../support/runs.ts';
import { session, summary, turn } from '../support/sessions.ts';

const runId = runIdSchema.parse('r-1');
const preview = {
  billed: true,
  requests: 1,
  branches: [],
  missing: [],
  completed: [],
  prefix: wholePrefix,
  notes: [],
  unpriced: [],
  point: { label: 'p' },
  recordedModel: 'm',
  host: 'h',
  costUsd: null,
  maxRequests: 1,
  fidelity: 'exact',
  executor: 'api',
  agent: null,
} as unknown as ForkPreview;

/** A panel on a session of three turns, with services that record what they are asked. */
function panel(
  options: {
    trusted?: boolean;
    confirm?: boolean;
    key?: boolean;
    agent?: FoundAgent | null;
    last?: Executor | null;
  } = {},
) {
  const stored = new Map<string, unknown>();
  const runs = new Map<string, RunView>();
  const timers: { ms: number; callback: () => void }[] = [];
  let sessionChanged = (_change: SessionChange) => {};
  let runChanged = (_runId: typeof runId) => {};
  const recorded = session({ summary: summary({ file: '/s.jsonl' }), turns: [turn(1, 1), turn(2, 10), turn(3, 20)] });
  const forks = {
    newRunId: () => runId,
    preview: vi.fn<ForkService['preview']>(async () => preview),
    dispatch: vi.fn<(request: ForkRequest, id: string) => Promise<void>>(async (_request, id) => {
      runs.set(
        id,
        run({ runId: runIdSchema.parse(id), state: 'running', branches: [branch('b1', { state: 'running' })] }),
      );
    }),
    run: vi.fn<(id: string) => Promise<RunView>>(async (id) => {
      const found = runs.get(id);
      if (!found) throw new NotFoundError('No such run.', 'List them.');
      return found;
    }),
    cancel: vi.fn<ForkService['cancel']>(async () => true),
    answer: vi.fn<ForkService['answer']>(async () => {}),
    watch: (listener: typeof runChanged) => {
      runChanged = listener;
      return { dispose: () => {} };
    },
  };
  const services = {
    sessions: {
      open: vi.fn<() => Promise<unknown>>(async () => ({
        session: recorded,
        turns: async (indexes: readonly number[]) => recorded.turns.filter(({ index }) => indexes.includes(index)),
      })),
      list: async () => [summary({ file: '/o.jsonl', models: ['claude-haiku-4-5'] })],
      watch: (listener: typeof sessionChanged) => {
        sessionChanged = listener;
        return { dispose: () => {} };
      },
    },
    forks,
    agents: { find: vi.fn<PanelServices['agents']['find']>(async () => options.agent ?? null) },
    models: vi.fn<() => Promise<unknown>>(async () => ({
      listModels: async () => [{ id: 'claude-opus-4-5', displayName: '' }],
    })),
    temporal: {
      status: vi.fn<() => Promise<unknown>>(async () => ({ server: { state: 'stopped', address: 'a' }, workers: [] })),
      startServer: vi.fn<() => Promise<unknown>>(),
    },
  };
  const around = {
    services: async () => services as unknown as PanelServices,
    drafts: new DraftStore({
      get: async (key) => stored.get(key),
      update: async (key, value) => void stored.set(key, value),
    }),
    tell: vi.fn<PanelContext['tell']>(),
    titled: vi.fn<PanelContext['titled']>(),
    cutMoved: vi.fn<PanelContext['cutMoved']>(),
    openComparison: vi.fn<PanelContext['openComparison']>(async () => {}),
    openLink: vi.fn<PanelContext['openLink']>(async () => {}),
    runAgain: vi.fn<PanelContext['runAgain']>(async () => {}),
    confirm: vi.fn<PanelContext['confirm']>(async () => options.confirm ?? true),
    offeredModels: () => [],
    agentDefaults: () => agentDefaults,
    showFiles: vi.fn<PanelContext['showFiles']>(async () => {}),
    takeStep: vi.fn<PanelContext['takeStep']>(async () => {}),
    hasApiKey: async () => options.key ?? true,
    lastExecutor: () => options.last ?? null,
    keepExecutor: vi.fn<PanelContext['keepExecutor']>(),
    demo: () => false,
    inContainer: () => false,
    allowBypass: vi.fn<PanelContext['allowBypass']>(async () => true),
    defaultEngine: () => 'in-process' as const,
    trusted: () => options.trusted ?? true,
    now: () => 0,
    later: (ms: number, callback: () => void) => {
      const timer = { ms, callback };
      timers.push(timer);
      return { dispose: () => void timers.splice(timers.indexOf(timer), 1) };
    },
  };
  const make = (at = { turn: 2 }) => new PanelController(around, { session: '/s.jsonl', at });
  return {
    around,
    services,
    forks,
    runs,
    recorded,
    timers,
    make,
    changeSession: (change: SessionChange) => sessionChanged(change),
    changeRun: () => runChanged(runId),
  };
}

let it: ReturnType<typeof panel>;
beforeEach(() => {
  it = panel();
});

async function opened(controller = it.make()) {
  return { controller, first: await controller.open({ saved: null }) };
}

test('opens at the fork point with an untouched fork', async () => {
  const { first } = await opened();
  expect(first).toMatchObject({ title: 'Fix the slugify edge cases', rows: 6, runId, restored: false, run: null });
  expect(first.cut).toMatchObject({ row: 2, side: 'before', recordedPrompt: 'Prompt 2' });
  expect(methods.open.result.parse(first)).toEqual(first);
});

test('a point that is not recorded is an error with a next step', async () => {
  await expect(opened(it.make({ turn: 9 }))).rejects.toBeInstanceOf(NotFoundError);
});

test('pages, parts and cuts come from the conversation', async () => {
  const { controller } = await opened();
  expect((await controller.rows({ start: 4, count: 40 })).rows).toHaveLength(2);
  expect((await controller.rowDetail({ row: 0 })).parts[0]?.text).toBe('Prompt 1');
  expect(await controller.cut({ at: { turn: 2 }, by: 1 })).toMatchObject({ at: { turn: 3 }, row: 4 });
  await expect(controller.cut({ at: { after: 'nobody' }, by: 0 })).rejects.toBeInstanceOf(ForkPointError);
});

describe('preview', () => {
  test('problems of the fields are told without asking the service', async () => {
    const { controller, first } = await opened();
    const result = await controller.preview({ draft: { ...first.draft, maxSteps: 'x' } });
    expect(result).toMatchObject({ preview: null, problems: [{ field: 'maxSteps' }] });
    expect(it.forks.preview).not.toHaveBeenCalled();
  });

  test.each([
    [new ForkPointError('Between.', 'Cut elsewhere.'), 'cut'],
    [new BadInputError('No.', 'Do.', { path: 'prompt' }), 'prompt'],
    [new BadInputError('No.', 'Do.', { path: 'branches.0.maxTokens' }), 'branch:recorded:maxTokens'],
    [new BadInputError('No.', 'Do.'), 'run'],
    [new EngineUnavailableError('No.', 'Do.'), 'run'],
  ])('%o is shown at its place', async (error, field) => {
    const { controller, first } = await opened();
    it.forks.preview.mockRejectedValueOnce(error);
    const { problems } = await controller.preview({ draft: first.draft });
    expect(problems).toEqual([{ field, message: expect.stringContaining(error.hint) }]);
  });
});

describe('dispatch', () => {
  test('a double click is one run', async () => {
    const { controller, first } = await opened();
    const once = await controller.dispatch({ runId, draft: first.draft });
    const twice = await controller.dispatch({ runId, draft: first.draft });
    expect(it.forks.dispatch).toHaveBeenCalledTimes(1);
    expect(it.around.confirm).toHaveBeenCalledTimes(1);
    expect(twice.run?.runId).toBe(once.run?.runId);
  });

  test('asks nothing and sends nothing before trust', async () => {
    it = panel({ trusted: false });
    const { controller, first } = await opened();
    await expect(controller.dispatch({ runId, draft: first.draft })).rejects.toMatchObject({
      hint: expect.stringContaining('Trust'),
    });
    await expect(controller.startTemporal()).rejects.toBeInstanceOf(BadInputError);
    await controller.models();
    await controller.engines();
    expect(it.forks.dispatch).not.toHaveBeenCalled();
    expect(it.services.models).not.toHaveBeenCalled();
    expect(it.services.temporal.status).not.toHaveBeenCalled();
  });

  test('a declined run is not started', async () => {
    it = panel({ confirm: false });
    const { controller, first } = await opened();
    expect(await controller.dispatch({ runId, draft: first.draft })).toEqual({ run: null, problems: [] });
    expect(it.forks.dispatch).not.toHaveBeenCalled();
  });

  test('a panel that comes back after a reload finds its run', async () => {
    const { controller, first } = await opened();
    await controller.dispatch({ runId, draft: first.draft });
    const again = await it.make().open({ saved: { version: 1, draft: first.draft, runId } });
    expect(again.run).toMatchObject({ runId, state: 'running' });
  });
});

describe('who answers', () => {
  const { agent } = agentPreview();
  const withAgent = { ...preview, executor: 'claude-code', agent: agentPreview() } as unknown as ForkPreview;
  const asked = () => it.forks.preview.mock.lastCall?.[0];

  test.each<[string, Parameters<typeof panel>[0], Executor]>([
    ['Claude Code where it is found', { agent }, 'claude-code'],
    ['the API where it is not', { agent: null }, 'api'],
    ['the API where it was chosen last', { agent, last: 'api' }, 'api'],
    ['the API where the last choice is gone', { agent: null, last: 'claude-code' }, 'api'],
    ['the API before trust', { agent, trusted: false }, 'api'],
  ])('is %s', async (_case, options, executor) => {
    it = panel(options);
    const { controller, first } = await opened();
    await controller.preview({ draft: first.draft });
    expect(asked()?.executor).toBe(executor);
    expect((await controller.answerers()).executor).toBe(executor);
    if (options?.trusted === false) expect(it.services.agents.find).not.toHaveBeenCalled();
  });

  test('is remembered when it was chosen, and not because a draft says it', async () => {
    const { controller, first } = await opened();
    await controller.preview({ draft: first.draft });
    expect(it.around.keepExecutor).not.toHaveBeenCalled();
    await controller.preview({ draft: { ...first.draft, executor: 'api' } });
    await controller.preview({ draft: { ...first.draft, executor: 'api', prompt: 'More' } });
    expect(it.around.keepExecutor.mock.calls).toEqual([['api']]);
  });

  test('nobody without a key: says so, offers the step, and starts nothing', async () => {
    it = panel({ key: false, agent });
    const { controller, first } = await opened();
    const draft = { ...first.draft, executor: 'api' as const };
    const { blocked, preview: texts } = await controller.preview({ draft });
    expect(texts).not.toBeNull();
    expect(blocked).toEqual({
      message: 'There is no API key for h.',
      steps: [
        { do: 'setApiKey', label: 'Set API Key…' },
        { do: 'useClaude', label: 'Use Claude Code' },
      ],
    });
    const { run: started, problems } = await controller.dispatch({ runId, draft });
    expect([started, problems]).toEqual([null, [{ field: 'run', message: 'There is no API key for h.' }]]);
    expect(it.around.confirm).not.toHaveBeenCalled();
    await controller.takeStep({ step: 'setApiKey' });
    expect(it.around.takeStep).toHaveBeenCalledWith('setApiKey');
  });

  test('the demo model needs no key', async () => {
    it = panel({ key: false });
    it.forks.preview.mockResolvedValue({ ...preview, billed: false });
    const { controller, first } = await opened();
    expect((await controller.preview({ draft: first.draft })).blocked).toBeNull();
  });

  test('nobody where Claude Code was chosen and is not there, or has no place', async () => {
    const { controller, first } = await opened();
    const draft = { ...first.draft, executor: 'claude-code' as const };
    it.forks.preview.mockRejectedValueOnce(new AgentError('Claude Code was not found.', 'Install it.'));
    const missing = await controller.preview({ draft });
    expect(missing).toMatchObject({ preview: null, problems: [], blocked: { message: 'Claude Code was not found.' } });
    expect(missing.blocked?.steps.map((step) => step.do)).toEqual(['findClaude', 'useApi']);
    const places = [{ kind: 'worktree' as const, available: false, detail: 'It is no git repository.' }];
    const nowhere = agentPreview({ place: null, places });
    it.forks.preview.mockResolvedValueOnce({ ...withAgent, agent: nowhere });
    const { blocked } = await controller.preview({ draft });
    expect(blocked?.message).toContain('worktree: It is no git repository.');
  });

  test('no Claude Code before trust, and nothing of it is looked for', async () => {
    it = panel({ agent, trusted: false });
    const { controller, first } = await opened();
    const { blocked } = await controller.preview({ draft: { ...first.draft, executor: 'claude-code' } });
    expect(blocked?.steps.map((step) => step.do)).toEqual(['trust', 'useApi']);
    expect(it.forks.preview).not.toHaveBeenCalled();
    expect(it.services.agents.find).not.toHaveBeenCalled();
  });
});

describe('going on without asking', () => {
  const { agent } = agentPreview();
  const planned = (over: Parameters<typeof agentPreview>[0] = {}) =>
    it.forks.preview.mockResolvedValue({
      ...preview,
      executor: 'claude-code',
      agent: agentPreview(over),
    } as unknown as ForkPreview);

  async function bypassing() {
    it = panel({ agent });
    const { controller, first } = await opened();
    return { controller, draft: { ...first.draft, permissions: 'bypass' as const } };
  }

  test('needs a yes in this panel', async () => {
    const { controller, draft } = await bypassing();
    planned();
    expect((await controller.preview({ draft })).problems).toEqual([
      { field: 'permissions', message: expect.stringContaining('Choose it again') },
    ]);
    expect((await controller.dispatch({ runId, draft })).run).toBeNull();
    expect(it.forks.dispatch).not.toHaveBeenCalled();
    expect(await controller.allowBypass()).toEqual({ allowed: true });
    expect((await controller.preview({ draft })).problems).toEqual([]);
  });

  test('is refused where nothing shuts the agent in, whatever was agreed to', async () => {
    const { controller, draft } = await bypassing();
    const place = { kind: 'worktree' as const, available: true, detail: 'Another path.' };
    planned({ place, places: [place] });
    await controller.allowBypass();
    const result = await controller.preview({ draft });
    expect(result.problems.map(({ field }) => field)).toEqual(['permissions']);
    expect(result.preview?.agent?.bypassRefused).toContain('only in an overlay');
  });

  test('is no part of a draft that is taken up again', async () => {
    const { controller, draft } = await bypassing();
    await controller.remember({ draft: { ...draft, edits: 2 } });
    const { first } = await opened(it.make());
    expect([first.restored, first.draft.permissions]).toEqual([true, 'ask']);
  });
});

test('a question is answered by its branch and call, after trust only', async () => {
  const { controller } = await opened();
  const answer = { behavior: 'allow', scope: 'branch' } as const;
  await controller.answer({ runId, branchId: branchIdSchema.parse('b1'), callId: 'c', answer });
  expect(it.forks.answer).toHaveBeenCalledWith(runId, 'b1', 'c', answer);
  it = panel({ trusted: false });
  const untrusted = (await opened()).controller;
  await expect(
    untrusted.answer({ runId, branchId: branchIdSchema.parse('b1'), callId: 'c', answer }),
  ).rejects.toBeInstanceOf(BadInputError);
});

test('files are shown of the turn at the cut', async () => {
  const { controller } = await opened();
  await controller.showFiles({ at: { turn: 2 } });
  expect(it.around.showFiles).toHaveBeenCalledWith({ file: '/s.jsonl', turn: 2, at: { turn: 2 } });
});

describe('a run under way', () => {
  test('is told when it grew, not more often than needed, and goes quiet when it has ended', async () => {
    const { controller, first } = await opened();
    await controller.dispatch({ runId, draft: first.draft });
    it.changeRun();
    it.changeRun();
    expect(it.timers.map(({ ms }) => ms)).toEqual([200]);
    it.runs.set(runId, run({ runId }));
    it.timers.splice(0)[0]?.callback();
    await vi.waitFor(() =>
      expect(it.around.tell).toHaveBeenCalledWith('run', expect.objectContaining({ state: 'completed' })),
    );
    expect(it.timers).toEqual([]);
  });

  test('is left alone once the panel is closed', async () => {
    const { controller, first } = await opened();
    await controller.dispatch({ runId, draft: first.draft });
    controller.dispose();
    expect(it.timers).toEqual([]);
    it.changeRun();
    expect(it.timers).toEqual([]);
  });

  test('is cancelled, retried, resumed and compared by its id', async () => {
    const { controller } = await opened();
    const branchId = branchIdSchema.parse('b1');
    await controller.cancel({ runId, branchId });
    await controller.cancel({ runId, branchId: null });
    await controller.retry({ runId });
    await controller.resume({ runId });
    await controller.compare({ runId, branchId });
    await controller.compare({ runId, branchId: null });
    expect(it.forks.cancel.mock.calls).toEqual([
      [runId, branchId],
      [runId, undefined],
    ]);
    expect(it.around.runAgain.mock.calls).toEqual([
      ['retry', runId],
      ['resume', runId],
    ]);
    expect(it.around.openComparison.mock.calls).toEqual([[runId, branchId], [runId]]);
  });
});

describe('a half-filled fork', () => {
  test('is taken up again where its panel was closed', async () => {
    const { controller, first } = await opened();
    const draft = { ...first.draft, prompt: 'Half a' };
    await controller.remember({ draft });
    controller.dispose();
    const { first: again } = await opened(it.make());
    expect([again.restored, again.draft.prompt]).toEqual([true, 'Half a']);
    expect((await opened(it.make({ turn: 3 }))).first.restored).toBe(false);
  });

  test('moves along with its cut, and is gone once it ran', async () => {
    const { controller, first } = await opened();
    await controller.remember({ draft: { ...first.draft, prompt: 'Mine' } });
    const moved = { ...first.draft, prompt: 'Mine', at: { turn: 3 } };
    await controller.preview({ draft: moved });
    expect(it.around.cutMoved).toHaveBeenCalledTimes(1);
    expect(controller.target).toEqual({ session: '/s.jsonl', at: { turn: 3 } });
    await controller.remember({ draft: moved });
    expect((await opened(it.make())).first.restored).toBe(false);
    expect((await opened(it.make({ turn: 3 }))).first.restored).toBe(true);
    await controller.dispatch({ runId, draft: moved });
    expect((await opened(it.make({ turn: 3 }))).first.restored).toBe(false);
  });

  test('of what the webview kept and what was remembered the newer copy wins', async () => {
    const { controller, first } = await opened();
    await controller.remember({ draft: { ...first.draft, prompt: 'Remembered', edits: 5 } });
    const open = async (edits: number) => {
      const saved = { version: 1 as const, draft: { ...first.draft, prompt: 'Kept', edits }, runId };
      return (await it.make().open({ saved })).draft.prompt;
    };
    expect([await open(4), await open(5), await open(6)]).toEqual(['Remembered', 'Kept', 'Kept']);
  });
});

describe('the recording', () => {
  test('is read again when it grew', async () => {
    await opened();
    it.recorded.turns.push(turn(4, 30));
    it.changeSession({ kind: 'changed', session: it.recorded.summary });
    const cut = expect.objectContaining({ row: 2, side: 'before' });
    await vi.waitFor(() => expect(it.around.tell).toHaveBeenCalledWith('conversation', { rows: 8, gone: false, cut }));
  });

  test('is read again when it is a subagent’s file, which no row of the tree stands for', async () => {
    await opened();
    it.changeSession({ kind: 'changed', session: summary({ file: '/parent.jsonl' }), subagent: '/s.jsonl' });
    await vi.waitFor(() => expect(it.around.tell).toHaveBeenCalledWith('conversation', expect.anything()));
  });

  test('takes in together what changes while it is read', async () => {
    await opened();
    const open = it.services.sessions.open.getMockImplementation();
    const { promise, resolve } = Promise.withResolvers<void>();
    it.services.sessions.open.mockClear().mockImplementation(() => promise.then(() => open?.()));
    for (let change = 1; change <= 5; change++) it.changeSession({ kind: 'changed', session: it.recorded.summary });
    resolve();
    await vi.waitFor(() => expect(it.around.tell).toHaveBeenCalledTimes(2));
    expect(it.services.sessions.open).toHaveBeenCalledTimes(2);
  });

  test('is shown on when it was deleted, and said to be gone', async () => {
    await opened();
    it.changeSession({ kind: 'removed', file: '/s.jsonl', sessionId: it.recorded.summary.sessionId });
    await vi.waitFor(() =>
      expect(it.around.tell).toHaveBeenCalledWith('conversation', { rows: 6, gone: true, cut: null }),
    );
  });

  test('changes of other sessions don’t matter', async () => {
    await opened();
    it.services.sessions.open.mockClear();
    it.changeSession({ kind: 'changed', session: summary({ file: '/other.jsonl' }) });
    expect(it.services.sessions.open).not.toHaveBeenCalled();
  });
});

test('Temporal is asked after the panel is open, and what keeps it from answering is told', async () => {
  const { controller } = await opened();
  expect(it.services.temporal.status).not.toHaveBeenCalled();
  expect((await controller.engines()).engines[1]).toMatchObject({ state: 'not running', canStart: true });
  it.services.temporal.status.mockRejectedValueOnce(new EngineUnavailableError('No profile.', 'Write one.'));
  expect((await controller.engines()).engines[1]).toMatchObject({
    state: 'unavailable',
    detail: 'No profile. Write one.',
  });
});

test('models come from this session, other sessions and the API', async () => {
  const { controller } = await opened();
  const { models } = await controller.models();
  expect(models.map(({ id, source }) => [id, source])).toEqual([
    ['claude-sonnet-4-5', 'this session'],
    ['claude-haiku-4-5', 'other sessions'],
    ['claude-opus-4-5', 'API'],
  ]);
});

test.each(['command:x', 'file:///etc/passwd', 'vscode:x', 'javascript:alert(1)', ' https://x'])(
  '%s is not opened',
  async (href) => {
    const { controller } = await opened();
    await expect(controller.openLink({ href })).rejects.toBeInstanceOf(BadInputError);
    expect(it.around.openLink).not.toHaveBeenCalled();
  },
);
