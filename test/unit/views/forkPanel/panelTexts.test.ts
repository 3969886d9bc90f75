import { describe, expect, test } from 'vitest';
import { noUsage } from '../../../../src/core/api/usage.ts';
import type { AgentPreview } from '../../../../src/core/fork/agent/agentPreview.ts';
import { blobRefSchema, type TurnId } from '../../../../src/core/ids.ts';
import type { BranchView, RunView } from '../../../../src/core/run/runView.ts';
import type { ForkPreview } from '../../../../src/core/useCases/forkService.ts';
import { checksOf } from '../../../../src/views/agentDefaults.ts';
import { shortPath } from '../../../../src/views/agentTexts.ts';
import { dropPlace } from '../../../../src/views/forkPanel/app/dropPlace.ts';
import { wordDiff } from '../../../../src/views/forkPanel/app/wordDiff.ts';
import { engineStates } from '../../../../src/views/forkPanel/engineStates.ts';
import { modelChoices } from '../../../../src/views/forkPanel/modelChoices.ts';
import { newDraft } from '../../../../src/views/forkPanel/newDraft.ts';
import { panelHtml } from '../../../../src/views/forkPanel/panelHtml.ts';
import { previewTexts } from '../../../../src/views/forkPanel/previewTexts.ts';
import {
  type ConversationRow,
  previewTextsSchema,
  runProgressSchema,
} from '../../../../src/views/forkPanel/protocol.ts';
import { questionView } from '../../../../src/views/forkPanel/questionView.ts';
import { runProgress } from '../../../../src/views/forkPanel/runProgress.ts';
import { RunChoices } from '../../../../src/views/runChoices.ts';
import { wholePrefix } from '../../../support/plans.ts';
import { agentPreview, draftDefaults } from '../support/agents.ts';
import { branch, run } from '../support/runs.ts';

const now = Date.parse('2026-11-20T10:00:30Z');

function preview(over: Partial<ForkPreview> = {}): ForkPreview {
  return {
    point: { kind: 'before', uuid: 'u', turnIndex: 2, turnId: 't' as TurnId, label: 'before “B”' },
    fidelity: 'exact',
    digestVerified: true,
    missing: [],
    completed: [],
    prefix: wholePrefix,
    recordedPrompt: 'B',
    recordedModel: 'claude-opus-4-5',
    host: 'api.anthropic.com',
    requests: 5,
    maxRequests: 100,
    costUsd: { low: 0.06, high: 0.11 },
    unpriced: [],
    billed: true,
    branches: [
      {
        name: 'as recorded',
        model: 'm',
        repeats: 5,
        changes: [],
        notes: ['Mind this.'],
        prefix: wholePrefix,
        estimatedInputTokens: 18_200,
      },
    ],
    notes: [],
    executor: 'api',
    agent: null,
    ...over,
  };
}

const texts = (over: Partial<ForkPreview> = {}) =>
  previewTexts(preview(over), newDraft('s', { turn: 2 }, draftDefaults));
const facts = (over: Partial<ForkPreview> = {}) => texts(over).facts.map(({ text }) => text);

describe('preview', () => {
  test('says what will be sent where and what it may cost', () => {
    expect(texts().runLabel).toBe('Run 5 branches');
    expect(facts()).toEqual(['5 requests to api.anthropic.com', 'about 18.2k tokens each', '$0.06–0.11']);
    expect(texts().branchNotes).toEqual([{ key: 'recorded', notes: ['Mind this.'] }]);
    expect(previewTextsSchema.parse(texts())).toEqual(texts());
  });

  test('says unknown where it is unknown, and names the models without a price', () => {
    const unknown = texts({ costUsd: null, unpriced: ['claude-haiku-4-5'], branches: [] });
    expect(unknown.facts.map(({ text }) => text).slice(1)).toEqual(['input tokens unknown', 'unknown cost']);
    expect(unknown.facts[2]?.tooltip).toContain('Haiku 4.5');
  });

  test('an unbilled demo says so', () => {
    expect(facts({ billed: false, host: null, requests: 1 })).toEqual([
      '1 request to the offline demo model',
      'about 18.2k tokens each',
      'not billed',
    ]);
  });

  test('says how much of the beginning equals the recording, and which branch differs', () => {
    expect(texts().prefixText).toBe('All 3 messages as recorded; the prompt cache can hit.');
    const [recorded] = preview().branches;
    const other = { message: null, uuid: null, reason: 'another model, chosen by the branch' };
    const cheaper = {
      ...recorded!,
      name: 'cheaper',
      prefix: { ...wholePrefix, parameters: ['model'], cacheCanHit: false, stopsAt: other },
    };
    const { prefixText, prefixDetails } = texts({ branches: [recorded!, cheaper] });
    expect(prefixText).toBe('All 3 messages as recorded; the prompt cache can hit.');
    expect(prefixDetails).toEqual([
      'System prompt as recorded, tools as recorded, 3 of 3 messages as recorded.',
      'A cache entry was written within the equal part; the API keeps it for five minutes or an hour.',
      'cheaper: another model, chosen by the branch; the prompt cache can’t hit.',
    ]);
  });

  test('does not call what the request log holds a transcript', () => {
    const partly = { fidelity: 'reconstructed' as const, missing: ['the parameter "x"'] };
    expect(texts(partly).fidelityText).toBe(
      'Rebuilt from Claude Code’s request log, the digest verifies; one thing is missing.',
    );
    expect(texts({ ...partly, digestVerified: false }).fidelityText).toBe(
      'Rebuilt from the transcript; one thing is missing.',
    );
  });

  test('names results that were made up', () => {
    const completed = [{ toolUseId: 't', tool: 'Bash', content: 'No result.' }];
    expect(texts({ missing: ['the result of one tool call'], completed }).missing).toEqual([
      'the result of one tool call',
      'a result of Bash: “No result.” stands in its place',
    ]);
  });

  test('counts what is missing', () => {
    expect(texts({ fidelity: 'reconstructed', missing: ['system prompt'] }).fidelityText).toContain(
      'one thing is missing',
    );
    expect(texts({ fidelity: 'reconstructed', missing: ['a', 'b'] }).fidelityText).toContain('2 things are missing');
  });
});

describe('preview of agents', () => {
  const agents = (over: Partial<AgentPreview> = {}, rest: Partial<ForkPreview> = {}) =>
    texts({ executor: 'claude-code', agent: agentPreview({ folder: '/srv/shop', ...over }), host: null, ...rest });

  test('says who works where, on which files, and what that costs', () => {
    const told = agents();
    expect(told.facts.map(({ text }) => text)).toEqual([
      '5 agents',
      'Claude Code 2.1.329',
      'overlay at /srv/shop',
      'about 18.2k tokens each to begin',
      'counts against your plan',
    ]);
    expect(told.agent).toMatchObject({
      place: { text: 'overlay at /srv/shop' },
      login: { text: 'Claude Max plan: counts against your plan' },
      files: { text: '12 exact · 1 likely · 2 not recorded' },
      bypassRefused: null,
    });
    expect(previewTextsSchema.parse(told)).toEqual(told);
  });

  test('a key is billed, an unknown login is said to be unknown', () => {
    const { agent } = agentPreview();
    const billed = agents({ agent: { ...agent, login: 'API key', billing: 'api' } });
    expect(billed.facts.at(-1)?.text).toBe('$0.06–0.11 estimated');
    expect(billed.agent?.login.text).toBe('billed to your API key');
    const unknown = agents({ agent: { ...agent, login: null, billing: null, version: null } });
    expect(unknown.agent?.login.text).toBe('Claude Code doesn’t say how it is logged in');
    expect(unknown.facts[1]?.text).toBe('Claude Code');
    expect(unknown.facts.at(-1)?.tooltip).toContain('isn’t known');
  });

  test('names why a better place can’t be had, and that bypass needs an overlay', () => {
    const worktree = { kind: 'worktree' as const, available: true, detail: 'Another path.' };
    const told = agents({
      place: worktree,
      places: [{ kind: 'overlay', available: false, detail: 'User namespaces are off.' }, worktree],
    });
    expect(told.agent?.place.text).toBe('worktree of /srv/shop');
    expect(told.agent?.place.tooltip.split('\n')).toEqual([
      '/srv/shop',
      'Another path.',
      'No overlay: User namespaces are off.',
    ]);
    expect(told.agent?.places.map(({ place, available }) => [place, available])).toEqual([
      ['auto', true],
      ['overlay', false],
      ['worktree', true],
    ]);
    expect(told.agent?.bypassRefused).toContain('only in an overlay');
  });

  test('files as they are now are not counted; a commit is named', () => {
    expect(agents({ filesChoice: 'now' }).agent?.files).toBeNull();
    expect(agents({ filesChoice: 'v1', base: '0123456789abcdef' }).agent?.files?.text).toBe('from commit 0123456789');
    expect(agents({ files: { exact: 0, likely: 0, unknown: 0 } }).agent?.files?.text).toBe('none were changed before');
  });
});

describe('run of agents', () => {
  const place = { kind: 'overlay' as const, path: '/srv/shop', root: '/data/r-1/b1' };
  const call = (id: string, name: string, input: unknown) => ({ id, name, input, answer: 'executed' as const });
  const edit = (id: string, file: string) => call(id, 'Edit', { file_path: `/srv/shop/${file}` });
  const result = { result: blobRefSchema.parse('a'.repeat(64)), isError: false };
  const working = { state: 'running' as const, endedAt: null, place };
  const file = (added: number, removed: number) => ({
    path: `f${added}`,
    status: 'modified' as const,
    added,
    removed,
    binary: false,
  });
  const check = (name: string, passed: boolean) => ({
    name,
    passed,
    exitCode: passed ? 0 : 1,
    ms: 2_100,
    output: null,
  });
  const ended = { changeSet: result.result, place };
  const question = (tool: string, input: unknown, callId = 'q') => ({ callId, tool, input, askedAt: '', reason: null });
  const until = new Date(2026, 10, 20, 15, 0).toISOString();
  const told = (over: Partial<BranchView>, of: Partial<RunView> = {}) =>
    runProgress(run({ executor: 'claude-code', ...of, branches: [branch('b1', over)] }), now);

  test.each<[Partial<BranchView>, string]>([
    [{ state: 'pending', startedAt: null }, 'queued'],
    [{ ...working, place: null }, 'prepares its place · 30 s'],
    [{ ...working, attempts: 0 }, 'sets up · 30 s'],
    [working, 'thinks · 30 s'],
    [{ ...working, unfinishedText: 'I will' }, 'writes · 30 s'],
    [
      { ...working, toolCalls: [edit('1', 'a.ts'), edit('2', 'src/slugify.ts')], toolResults: { 1: result } },
      'edits src/slugify.ts · 2 files · 30 s',
    ],
    [{ ...working, changeSet: result.result }, 'runs its checks · 30 s'],
    [
      { ...working, state: 'waiting', waitingFor: 'answer', questions: [question('Bash', { command: 'npm i x' })] },
      'asks: npm i x',
    ],
    [
      { ...working, state: 'waiting', waitingFor: 'limit', until },
      `waits until ${new Date(now).toDateString() === new Date(until).toDateString() ? '' : '11-20 '}15:00 (usage limit)`,
    ],
    [{ ...working, state: 'waiting', waitingFor: 'limit' }, 'waits for the usage limit'],
    [{ ...working, state: 'waiting', waitingFor: 'retry', retryingInMs: 2_000 }, 'asks again in 2 s'],
    [
      { ...ended, files: [file(10, 1), file(2, 2)], checks: [check('tests', true)] },
      '+12 −3 in 2 files · tests pass · $0.02',
    ],
    [{ ...ended, files: [file(1, 0)], checks: [check('npm test', false)] }, '+1 −0 in 1 file · npm test fails · $0.02'],
    [{ ...ended, checks: [check('a', true), check('b', false)] }, 'no files changed · 1 of 2 checks pass · $0.02'],
    [{ ...ended, stopReason: 'max_turns' }, 'stopped: turn limit · no files changed · $0.02'],
    [{ ...ended, state: 'cancelled', stopReason: 'budget' }, 'cancelled: budget spent · no files changed · $0.02'],
    [{ state: 'failed', costUsd: null, attempts: 0 }, 'failed'],
  ])('%j reads “%s”', (over, words) => {
    const progress = told(over);
    expect(progress.branches[0]?.facts).toBe(words);
    expect(runProgressSchema.parse(progress)).toEqual(progress);
  });

  test('says who waits for a person', () => {
    const waiting = { ...working, state: 'waiting' as const, waitingFor: 'answer' as const };
    const progress = told({ ...waiting, questions: [question('Bash', { command: 'ls' })] }, { state: 'running' });
    expect(progress.summary).toBe('0 of 1 done · 1 waits for you · $0.04');
    expect(progress.branches[0]).toMatchObject({ asks: true, state: 'waiting', questions: [{ callId: 'q' }] });
  });

  test('says place, prefix, set-up and checks in the tooltip, and what must be known in notes', () => {
    const [row] = told({
      ...ended,
      prefix: { equal: 24, total: 24, stopsAt: null },
      setup: [check('npm ci', true)],
      checks: [check('tests', true)],
      inDoubt: [{ tool: 'Bash', input: { command: 'npm publish' } }],
      denied: [{ callId: 'c', tool: 'WebFetch', message: 'Nobody was there.' }],
      notes: ['Submodules are empty.'],
    }).branches;
    expect(row?.tooltip).toContain('overlay: /srv/shop\nprefix 24 of 24 as recorded\nset-up npm ci: passed, 2 s');
    expect(row?.notes).toEqual([
      'May have been carried out when the agent was lost: npm publish',
      'Denied: WebFetch. Nobody was there.',
      'Submodules are empty.',
    ]);
  });

  test('a command is shown in full, an edit as lines, a choice with its options, a plan as it is', () => {
    const shown = (tool: string, input: unknown) => questionView(question(tool, input));
    expect(shown('Bash', { command: 'a\nb', description: 'x' })).toMatchObject({
      kind: 'permission',
      title: 'a b',
      lines: [
        { kind: 'same', text: 'a' },
        { kind: 'same', text: 'b' },
      ],
    });
    const edited = shown('Edit', { file_path: '/a.ts', old_string: 'x\ny\nz', new_string: 'x\nY\nz' });
    expect(edited.lines.map(({ kind, text }) => [kind, text])).toEqual([
      ['same', 'x'],
      ['removed', 'y'],
      ['added', 'Y'],
      ['same', 'z'],
    ]);
    expect(shown('Write', { file_path: '/a', content: 'n' }).lines).toEqual([{ kind: 'added', text: 'n' }]);
    expect(shown('mcp__x__y', { n: 1 }).lines.map(({ text }) => text)).toEqual(['{', '  "n": 1', '}']);
    expect(shown('ExitPlanMode', { plan: '1. Do' })).toMatchObject({ kind: 'plan', lines: [{ text: '1. Do' }] });
    const asked = { question: 'Which?', header: 'H', multiSelect: true, options: [{ label: 'A', description: 'a' }] };
    expect(shown('AskUserQuestion', { questions: [asked, 'damaged'] })).toMatchObject({
      kind: 'choices',
      title: 'Which?',
      lines: [],
      choices: [{ question: 'Which?', several: true, options: [{ label: 'A', text: 'A', description: 'a' }] }],
    });
  });

  test('stays small whatever is asked for', () => {
    const content = `${'line\n'.repeat(100_000)}`;
    const progress = told({ ...working, questions: [question('Write', { file_path: '/a', content })] });
    expect(JSON.stringify(progress).length).toBeLessThan(40_000);
  });
});

test('checks of the settings are commands or objects; what is neither is left out', () => {
  const given = ['npm test', { name: 'types', run: 'tsc', timeoutSeconds: 60 }, { run: '' }, 7, 'npm test'];
  expect(checksOf(given)).toEqual([
    { name: 'npm test', run: 'npm test', timeoutSeconds: 300 },
    { name: 'types', run: 'tsc', timeoutSeconds: 60 },
  ]);
  expect(checksOf('npm test')).toEqual([]);
});

test('a path below the home folder is shown with a tilde', () => {
  expect([shortPath('/home/me/shop', '/home/me'), shortPath('/home/me', '/home/me')]).toEqual(['~/shop', '~']);
  expect([shortPath('/home/meow', '/home/me'), shortPath('/srv', '')]).toEqual(['/home/meow', '/srv']);
});

test('who was chosen is remembered; damaged memory is none', async () => {
  const person = new Map<string, unknown>([['forkpoint.executor', 'nobody']]);
  const memory = (of: Map<string, unknown>) => ({
    get: (key: string) => of.get(key),
    update: async (key: string, value: unknown) => void of.set(key, value),
  });
  const choices = new RunChoices(memory(person), memory(new Map()));
  expect([choices.executor, choices.startsUnasked]).toEqual([null, false]);
  await choices.keepExecutor('claude-code');
  await choices.startUnasked();
  expect([choices.executor, choices.startsUnasked]).toEqual(['claude-code', true]);
});

describe('run', () => {
  test('is small however much a branch has written', () => {
    const told = runProgress(run({ branches: [branch('b1', { text: 'x'.repeat(1_000_000) })] }), now);
    expect(JSON.stringify(told).length).toBeLessThan(2_000);
    expect(runProgressSchema.parse(told)).toEqual(told);
  });

  test.each([
    [{ state: 'pending' as const }, 'waiting'],
    [{ state: 'running' as const, endedAt: null }, 'running · 1.2k tokens · 30 s'],
    [{ state: 'running' as const, retryingInMs: 2000 }, 'asks again in 2 s'],
    [{}, '1.2k tokens · $0.02 · 8 s'],
    [{ costUsd: null }, '1.2k tokens · unknown cost · 8 s'],
    [{ state: 'running' as const, endedAt: null, usage: noUsage, text: 'Hello' }, 'running · 5 characters · 30 s'],
    [{ stopReason: 'tool_not_recorded' }, 'stopped: call not recorded · 1.2k tokens · $0.02 · 8 s'],
    [
      { state: 'cancelled' as const, billing: 'unknown' as const },
      'cancelled · 1.2k tokens · $0.02 · 8 s · billing unknown',
    ],
  ])('%j reads “%s”', (over, words) => {
    expect(runProgress(run({ branches: [branch('b1', over)] }), now).branches[0]?.facts).toBe(words);
  });

  test('the tail of a text begins with a word', () => {
    const told = runProgress(run({ branches: [branch('b1', { text: 'many words '.repeat(100).trim() })] }), now);
    expect(told.branches[0]?.tail).toMatch(/^… (many|words) .*words$/);
    expect(runProgress(run({ branches: [branch('b1', { text: 'Short.' })] }), now).branches[0]?.tail).toBe('Short.');
  });

  test('the demo model costs nothing, whatever became of it', () => {
    const cancelled = branch('b1', { state: 'cancelled', billing: 'unknown', costUsd: null });
    const told = runProgress(run({ provider: 'demo', costUsd: null, branches: [cancelled] }), now);
    expect(told.summary).toBe('0 of 1 done · 1 cancelled · demo model, not billed');
    expect(told.branches[0]?.facts).toBe('cancelled · 1.2k tokens · 8 s');
  });

  test('repeats are told apart, failures keep their next step', () => {
    const error = { code: 'overloaded', message: 'Overloaded.', hint: 'Retry.' };
    const failed = branch('b1-2', { repeat: 2, repeats: 3, state: 'failed', error });
    const told = runProgress(run({ branches: [failed, branch('b2', { state: 'running' })] }), now);
    expect(told.summary).toBe('0 of 2 done · 1 failed · $0.04');
    expect(told.branches[0]).toMatchObject({ name: 'cheaper #2', problem: error });
  });
});

test('engines: Temporal is ready, can be started, or is not asked before trust', () => {
  const server = { address: '127.0.0.1:7233', ui: null, pid: null, managed: false };
  const temporal = (state: 'running' | 'starting' | 'stopped') =>
    engineStates({ server: { ...server, state }, workers: [] })[1];
  expect(temporal('running')).toMatchObject({ ready: true, state: 'ready' });
  expect(temporal('starting')).toMatchObject({ ready: false, canStart: false });
  expect(temporal('stopped')).toMatchObject({ ready: false, canStart: true, state: 'not running' });
  expect(engineStates('asking')[1]).toMatchObject({ ready: true, state: '' });
  expect(engineStates('untrusted')[1]).toMatchObject({ ready: false, canStart: false });
  const error = { code: 'x', message: 'Broken.', hint: 'Mend it.' };
  expect(engineStates(error)[1]).toMatchObject({ ready: false, state: 'unavailable', detail: 'Broken. Mend it.' });
});

test('models are offered once, the nearest source first, placeholders never', () => {
  const choices = modelChoices([
    { source: 'this session', ids: ['claude-opus-4-5', '<synthetic>', null] },
    { source: 'API', ids: ['claude-opus-4-5', 'claude-haiku-4-5'] },
  ]);
  expect(choices.map(({ name, source }) => [name, source])).toEqual([
    ['Opus 4.5', 'this session'],
    ['Haiku 4.5', 'API'],
  ]);
});

test('the page allows no inline code, no inline style and nothing from outside', () => {
  const html = panelHtml({
    script: 's.js',
    style: 's.css',
    codicons: 'c.css',
    cspSource: 'https://x.vscode-cdn.net',
    nonce: 'n0nce',
  });
  const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1];
  expect(policy?.split('; ')).toEqual([
    "default-src 'none'",
    "script-src 'nonce-n0nce'",
    'style-src https://x.vscode-cdn.net',
    'font-src https://x.vscode-cdn.net',
    'img-src https://x.vscode-cdn.net data:',
  ]);
  expect(html).not.toMatch(/<style|style=|onload=|<script(?![^>]*nonce)/);
});

describe('a branch’s own prompt', () => {
  test('shows only what it changes', () => {
    expect(wordDiff('Now handle emoji', 'Now handle emoji, in one line.')).toEqual([
      { kind: 'same', text: 'Now handle emoji' },
      { kind: 'added', text: ', in one line.' },
    ]);
    const long = 'one two three four five six seven eight nine ten eleven twelve';
    expect(wordDiff(long, `${long} more`)?.[0]?.text).toBe('… ten eleven twelve');
  });

  test('is shown whole where it is another one altogether', () => {
    expect(wordDiff('Now handle emoji', 'Write a haiku about the sea')).toBeNull();
    expect(wordDiff('x '.repeat(9000), 'x '.repeat(9001))).toBeNull();
  });
});

test('a drop lands before the next prompt, else after the step, and nowhere between a call and its result', () => {
  const row = (over: Partial<ConversationRow>) => ({ cutBefore: null, cutAfter: null, ...over }) as ConversationRow;
  const rows = [
    row({ cutBefore: { turn: 1 } }),
    row({ cutAfter: { after: 'a' } }),
    row({ cutBefore: { turn: 2 } }),
    row({}),
    row({ cutAfter: { after: 'b' } }),
  ];
  const at = (index: number) => rows[index] ?? null;
  expect(dropPlace(0, false, at)).toEqual({ at: { turn: 1 }, row: 0, side: 'before' });
  expect(dropPlace(1, true, at)).toEqual({ at: { turn: 2 }, row: 2, side: 'before' });
  expect(dropPlace(2, false, at)).toEqual({ at: { turn: 2 }, row: 2, side: 'before' });
  expect(dropPlace(3, true, at)).toBeNull();
  expect(dropPlace(4, true, at)).toEqual({ at: { after: 'b' }, row: 4, side: 'after' });
});
