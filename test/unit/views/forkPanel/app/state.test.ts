import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runIdSchema } from '../../../../../src/core/ids.ts';
import {
  type Action,
  executorOf,
  type PanelState,
  primaryOf,
  type ReadyState,
  reduce,
  savedPanel,
} from '../../../../../src/views/forkPanel/app/state.ts';
import { newDraft } from '../../../../../src/views/forkPanel/newDraft.ts';
import {
  efforts,
  forkDraftSchema,
  type PreviewTexts,
  type Result,
  type RunProgress,
  savedPanelSchema,
} from '../../../../../src/views/forkPanel/protocol.ts';
import { draftDefaults } from '../../support/agents.ts';

const runId = runIdSchema.parse('r-1');
const cut = {
  at: { turn: 2 },
  row: 2,
  side: 'before' as const,
  label: 'before “B”',
  recordedPrompt: 'B',
  stop: 2,
  stops: 3,
};
const opened: Result<'open'> = {
  title: 'Session',
  rows: 6,
  cut,
  draft: newDraft('/s.jsonl', { turn: 2 }, draftDefaults),
  runId,
  restored: false,
  recordedModel: 'claude-opus-4-5',
  models: [],
  engines: [],
  executor: 'claude-code',
  answerers: [],
  run: null,
};
const preview = { runLabel: 'Run 1 branch', executor: 'claude-code' } as PreviewTexts;

function ready(...actions: Action[]): ReadyState {
  const all: Action[] = [{ type: 'opened', result: opened }, ...actions];
  return all.reduce<PanelState>(reduce, { phase: 'loading' }) as ReadyState;
}

function previewed(state: ReadyState, revision = state.revision): ReadyState {
  return reduce(state, { type: 'previewed', revision, result: { preview, problems: [], blocked: null } }) as ReadyState;
}

function progress(state: RunProgress['state'], over: Partial<RunProgress> = {}): RunProgress {
  return { runId, state, interrupted: false, summary: '', branches: [], ...over };
}

const names = (state: ReadyState) => state.draft.branches.map(({ name }) => name);
const model = (id: string, on = true): Action => ({ type: 'varyModel', model: id, name: id, on });

describe('opening', () => {
  test('a session that can’t be opened says why', () => {
    const error = { code: 'not_found', message: 'Gone.', hint: 'Look.' };
    expect(reduce({ phase: 'loading' }, { type: 'openFailed', error })).toEqual({ phase: 'failed', error });
  });

  test('nothing else counts before it is open', () => {
    expect(reduce({ phase: 'loading' }, { type: 'addBranch' })).toEqual({ phase: 'loading' });
  });
});

describe('rows', () => {
  test('are added, duplicated, moved and removed, each with a name and a key of its own', () => {
    let state = ready({ type: 'addBranch' }, { type: 'addBranch' });
    expect(names(state)).toEqual(['as recorded', 'branch 2', 'branch 3']);
    state = reduce(state, { type: 'duplicateBranch', key: 'recorded' }) as ReadyState;
    expect(names(state)).toEqual(['as recorded', 'as recorded (2)', 'branch 2', 'branch 3']);
    state = reduce(state, { type: 'moveBranch', key: 'recorded', by: 1 }) as ReadyState;
    expect(names(state)).toEqual(['as recorded (2)', 'as recorded', 'branch 2', 'branch 3']);
    state = reduce(state, { type: 'removeBranch', key: 'recorded' }) as ReadyState;
    expect(names(state)).toEqual(['as recorded (2)', 'branch 2', 'branch 3']);
  });

  test('at the ends can’t be moved further', () => {
    const state = ready({ type: 'addBranch' });
    expect(names(reduce(state, { type: 'moveBranch', key: 'recorded', by: -1 }) as ReadyState)).toEqual(names(state));
  });

  test('varying over models ticks rows in and out, and leaves rows alone that change more', () => {
    let state = ready(model('a'), model('b'), model('a'));
    expect(names(state)).toEqual(['as recorded', 'a', 'b']);
    state = reduce(state, {
      type: 'editBranch',
      key: state.draft.branches[2]!.key,
      change: { effort: 'low' },
    }) as ReadyState;
    state = [model('a', false), model('b', false)].reduce<PanelState>(reduce, state) as ReadyState;
    expect(names(state)).toEqual(['as recorded', 'b']);
  });

  test('the recorded model is ticked out and in with the row that says nothing of a model', () => {
    const tick = (on: boolean): Action => ({ type: 'varyModel', model: null, name: 'as recorded', on });
    expect(names(ready(model('a'), tick(false)))).toEqual(['a']);
    expect(names(ready(model('a'), tick(false), tick(true)))).toEqual(['a', 'as recorded']);
  });

  test('varying over prompts makes one row a prompt, once', () => {
    const state = ready(
      { type: 'addPrompts', prompts: ['One', 'Two words'] },
      { type: 'addPrompts', prompts: ['One'] },
    );
    expect(state.draft.branches.map(({ name, prompt }) => [name, prompt])).toEqual([
      ['as recorded', null],
      ['One', 'One'],
      ['Two words', 'Two words'],
    ]);
  });

  test('every change makes the draft a newer copy', () => {
    const state = ready({ type: 'addBranch' }, { type: 'edit', change: { prompt: 'x' } }, { type: 'cutMoved', cut });
    expect(state.draft.edits).toBe(3);
  });

  test('unfolding a part asks for no new preview', () => {
    const state = ready();
    const unfolded = reduce(state, { type: 'unfold', key: 'recorded', part: 'system' }) as ReadyState;
    expect(unfolded.draft.branches[0]?.open).toEqual(['system']);
    expect(unfolded.revision).toBe(state.revision);
  });
});

describe('running', () => {
  test('needs a preview of exactly what is filled in', () => {
    let state = ready();
    expect(primaryOf(state)).toMatchObject({ act: 'run', enabled: false });
    state = previewed(state);
    expect(primaryOf(state)).toEqual({ act: 'run', label: 'Run 1 branch', enabled: true });
    const before = state.revision;
    state = reduce(state, { type: 'edit', change: { prompt: 'Other' } }) as ReadyState;
    expect(primaryOf(state).enabled).toBe(false);
    state = previewed(state, before);
    expect(primaryOf(state).enabled).toBe(false);
    expect(primaryOf(previewed(state)).enabled).toBe(true);
  });

  test('is held back by a problem, a dispatch under way and a recording that is gone', () => {
    const good = previewed(ready());
    const problem = { field: 'prompt', message: 'x' };
    expect(primaryOf({ ...good, problems: [problem] }).enabled).toBe(false);
    expect(primaryOf(reduce(good, { type: 'dispatching' }) as ReadyState).enabled).toBe(false);
    expect(primaryOf({ ...good, gone: true }).enabled).toBe(false);
  });

  test('a declined or refused run can be started again', () => {
    const waiting = reduce(previewed(ready()), { type: 'dispatching' });
    const declined = reduce(waiting, { type: 'dispatched', result: { run: null, problems: [] } }) as ReadyState;
    expect(primaryOf(declined)).toMatchObject({ act: 'run', enabled: true });
    const error = { code: 'x', message: 'x', hint: 'x' };
    const failed = reduce(waiting, { type: 'failed', error }) as ReadyState;
    expect([primaryOf(failed).enabled, failed.notice]).toEqual([true, error]);
  });

  test('the button goes from Run over Cancel to Compare', () => {
    const branch = { tail: 'x', state: 'completed' } as RunProgress['branches'][number];
    const at = (run: RunProgress) => primaryOf(ready({ type: 'runTold', run })).act;
    expect(at(progress('pending'))).toBe('cancel');
    expect(at(progress('running'))).toBe('cancel');
    expect(at(progress('completed', { branches: [branch] }))).toBe('compare');
    expect(at(progress('failed', { branches: [{ ...branch, state: 'failed', tail: '' }] }))).toBe('retry');
    expect(at(progress('failed', { interrupted: true }))).toBe('resume');
  });

  test('a run that was dispatched is not edited; a new run of the same fork is', () => {
    const state = ready({ type: 'runTold', run: progress('completed') });
    expect(reduce(state, { type: 'edit', change: { prompt: 'x' } })).toBe(state);
    const next = runIdSchema.parse('r-2');
    const again = reduce(state, { type: 'newRun', runId: next }) as ReadyState;
    expect([again.run, again.runId, again.draft]).toEqual([null, next, state.draft]);
    // News of the old run don't bring it back.
    expect(reduce(again, { type: 'runTold', run: progress('completed') })).toBe(again);
  });
});

test('moving the cut keeps an edited prompt and asks for a new preview', () => {
  const state = ready({ type: 'edit', change: { prompt: 'Mine' } });
  const moved = reduce(state, { type: 'cutMoved', cut: { ...cut, at: { turn: 1 }, row: 0 } }) as ReadyState;
  expect(moved.draft).toMatchObject({ at: { turn: 1 }, prompt: 'Mine' });
  expect(moved.revision).toBeGreaterThan(state.revision);
});

test('a recording that grew makes known rows stale', () => {
  const state = ready();
  const longer = { ...cut, stops: cut.stops + 2 };
  const grown = reduce(state, { type: 'conversationChanged', rows: 8, gone: false, cut: longer }) as ReadyState;
  expect([grown.rows, grown.readings, grown.revision]).toEqual([8, state.readings + 1, state.revision + 1]);
  expect(grown.cut).toEqual(longer);
  const gone = reduce(grown, { type: 'conversationChanged', rows: 8, gone: true, cut: null }) as ReadyState;
  expect([gone.gone, gone.cut]).toEqual([true, longer]);
});

describe('who answers', () => {
  const blocked = { message: 'There is no API key.', steps: [] };

  test('is whom the person chose, else who is there', () => {
    expect(executorOf(ready())).toBe('claude-code');
    const chosen = ready({ type: 'edit', change: { executor: 'api' } });
    expect(executorOf(chosen)).toBe('api');
    const looked: Action = { type: 'answerersRead', result: { executor: 'claude-code', answerers: [] } };
    expect(executorOf(reduce(chosen, looked) as ReadyState)).toBe('api');
    const none: Action = { type: 'answerersRead', result: { executor: 'api', answerers: [] } };
    expect(executorOf(ready(none))).toBe('api');
  });

  test('nobody: it can’t be run, until who can answer was asked again', () => {
    const state = ready();
    const held = reduce(state, {
      type: 'previewed',
      revision: state.revision,
      result: { preview, problems: [], blocked },
    }) as ReadyState;
    expect(primaryOf(held)).toMatchObject({ act: 'run', enabled: false });
    const again = reduce(held, { type: 'answerersRead', result: { executor: 'api', answerers: [] } }) as ReadyState;
    expect(again.revision).toBe(held.revision + 1);
    expect(primaryOf(previewed(again)).enabled).toBe(true);
  });
});

test('whatever is done to the rows, what is kept can be restored', () => {
  const key = fc.constantFrom('recorded', 'b1', 'b2', 'b3');
  const action: fc.Arbitrary<Action> = fc.oneof(
    fc.constant<Action>({ type: 'addBranch' }),
    key.map((key): Action => ({ type: 'duplicateBranch', key })),
    key.map((key): Action => ({ type: 'removeBranch', key })),
    fc
      .tuple(key, fc.constantFrom(-1 as const, 1 as const))
      .map(([key, by]): Action => ({ type: 'moveBranch', key, by })),
    fc.tuple(key, fc.string()).map(([key, name]): Action => ({ type: 'editBranch', key, change: { name } })),
    fc.tuple(fc.constantFrom('a', 'b'), fc.boolean()).map(([id, on]) => model(id, on)),
    fc
      .tuple(fc.constantFrom(...efforts), fc.boolean())
      .map(([effort, on]): Action => ({ type: 'varyEffort', effort, on })),
    fc.array(fc.string({ minLength: 1 })).map((prompts): Action => ({ type: 'addPrompts', prompts })),
    key.map((key): Action => ({ type: 'unfold', key, part: 'prompt' })),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
      const state = ready(...actions);
      const keys = state.draft.branches.map(({ key }) => key);
      expect(new Set(keys).size).toBe(keys.length);
      expect(forkDraftSchema.parse(state.draft)).toEqual(state.draft);
      expect(savedPanelSchema.parse(JSON.parse(JSON.stringify(savedPanel(state))))).toEqual(savedPanel(state));
    }),
  );
});
