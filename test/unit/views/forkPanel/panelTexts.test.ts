import { describe, expect, test } from 'vitest';
import type { TurnId } from '../../../../src/core/ids.ts';
import type { ForkPreview } from '../../../../src/core/run/forkService.ts';
import { noUsage } from '../../../../src/core/session/recordedSession.ts';
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
import { runProgress } from '../../../../src/views/forkPanel/runProgress.ts';
import { wholePrefix } from '../../../support/plans.ts';
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
    ...over,
  };
}

const texts = (over: Partial<ForkPreview> = {}) =>
  previewTexts(preview(over), newDraft('s', { turn: 2 }, 'in-process'));
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
