import MarkdownIt from 'markdown-it';
import { describe, expect, it } from 'vitest';
import type { CheckResult, Question } from '../../../../src/core/agent/agentFacts.ts';
import { blobRefSchema } from '../../../../src/core/ids.ts';
import type { BranchView, RunView } from '../../../../src/core/run/runView.ts';
import { baselineChildren, branchChildren } from '../../../../src/views/runTree/branchChildren.ts';
import { changedFileUri, statusOf } from '../../../../src/views/runTree/changedFileUris.ts';
import { endedMessage, waitingMessage } from '../../../../src/views/runTree/endedMessage.ts';
import { baselineNodes, branchNodes, type RunTreeNode, runNode } from '../../../../src/views/runTree/runNodes.ts';
import { runRow } from '../../../../src/views/runTree/runRows.ts';
import { runTooltip } from '../../../../src/views/runTree/runTooltips.ts';
import { statusText } from '../../../../src/views/runTree/statusText.ts';
import { branch, run } from '../support/runs.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const changeSet = blobRefSchema.parse('a'.repeat(64));
const folder = '/home/sam/slug-tools';
const place = { kind: 'overlay' as const, path: folder, root: '/data/places/r-1/b1-1' };

const check = (name: string, passed: boolean, over: Partial<CheckResult> = {}): CheckResult => ({
  name,
  passed,
  exitCode: passed ? 0 : 1,
  ms: 2_100,
  output: null,
  ...over,
});
const question = (over: Partial<Question> = {}): Question => ({
  callId: 'toolu_1',
  tool: 'Bash',
  input: { command: 'npm install left-pad' },
  askedAt: '2026-11-20T10:00:04Z',
  reason: null,
  ...over,
});
const agent = (id: string, over: Partial<BranchView> = {}): BranchView =>
  branch(id, {
    place,
    sessionId: 's-1',
    changeSet,
    files: [
      { path: 'src/slugify.ts', status: 'modified', added: 8, removed: 3, binary: false },
      { path: 'src/slugify.test.ts', status: 'added', added: 4, removed: 0, binary: false },
    ],
    checks: [check('tests', true)],
    ...over,
  });
const asking = (id: string, over: Partial<BranchView> = {}): BranchView =>
  agent(id, {
    name: 'as recorded',
    state: 'waiting',
    waitingFor: 'answer',
    questions: [question()],
    endedAt: null,
    changeSet: null,
    files: [],
    checks: [],
    ...over,
  });
const agents = (over: Partial<RunView> = {}): RunView =>
  run({
    executor: 'claude-code',
    session: { ...run().session, projectPath: folder },
    branches: [agent('b1-1')],
    ...over,
  });

/** The rows as a person sees them, indented. */
function drawn(view: RunView): string[] {
  const below = (node: RunTreeNode): RunTreeNode[] => {
    if (node.kind === 'run') return [...branchNodes(node.run), ...baselineNodes(node.run)];
    if (node.kind === 'repeats') return node.branches;
    if (node.kind === 'branch') return branchChildren(node);
    return node.kind === 'baseline' ? baselineChildren(node) : [];
  };
  const lines = (node: RunTreeNode, depth: number): string[] => {
    const { icon, label, description } = runRow(node, now);
    return [
      `${'  '.repeat(depth)}${icon} ${label} | ${description}`,
      ...below(node).flatMap((n) => lines(n, depth + 1)),
    ];
  };
  return lines(runNode(view), 0);
}

describe('the Runs tree of agents', () => {
  it('has files, commits, checks, set-up and notes below a branch', () => {
    const view = agents({
      branches: [
        agent('b1-1', {
          files: [
            { path: 'src/slugify.ts', status: 'modified', added: 12, removed: 3, binary: false },
            { path: 'logo.png', status: 'renamed', from: 'old.png', added: 0, removed: 0, binary: true },
          ],
          commits: [{ sha: '1a2b3c4d5e6f', subject: 'Handle emoji' }],
          checks: [check('npm test', true, { cached: true }), check('lint', false, { exitCode: 2, ms: 400 })],
          setup: [check('npm ci', true, { ms: 61_000 })],
          denied: [{ callId: 'c', tool: 'Bash', message: 'Not in this run.' }],
          inDoubt: [{ tool: 'Bash', input: { command: 'make deploy' } }],
          notes: ['The prompt has no images.'],
        }),
      ],
    });
    expect(drawn(view)).toEqual(
      [
        'repo-forked Now handle emoji | 1 branch · $0.04 · 2 h',
        '  pass cheaper | Haiku 4.5 · +12 −3 · 1 of 2 checks pass · $0.02',
        '    file slugify.ts | src',
        '    file logo.png | old.png →',
        '    git-commit Handle emoji | 1a2b3c4d',
        '    pass npm test | passed · 2.1 s (cached)',
        '    error lint | failed with exit code 2 · 0.4 s',
        '    pass npm ci | passed · 1 min 1 s · set-up',
        '    warning in doubt: make deploy | Bash',
        '    circle-slash denied: Bash | Not in this run.',
        '    info The prompt has no images. |',
      ].map((line) => (line.endsWith('|') ? `${line} ` : line)),
    );
  });

  it('shows what waits for a person first', () => {
    const edit = question({
      callId: 'toolu_2',
      tool: 'Edit',
      input: { file_path: `${folder}/.claude/settings.json` },
      reason: 'It is a settings file.',
    });
    const view = agents({
      state: 'running',
      branches: [
        agent('b1-1'),
        agent('b2-1', { name: 'terse', files: [], checks: [] }),
        asking('b3-1', { questions: [question(), edit] }),
      ],
    });
    expect(drawn(view)).toEqual([
      'question Now handle emoji | 2 of 3 · 1 waits for you · $0.04',
      '  pass cheaper | Haiku 4.5 · +12 −3 · tests pass · $0.02',
      '    file slugify.ts | src',
      '    file slugify.test.ts | src',
      '    pass tests | passed · 2.1 s',
      '  pass terse | Haiku 4.5 · no files changed · $0.02',
      '  question as recorded | asks: npm install left-pad (1 more)',
      '    question asks: npm install left-pad | ',
      '    question asks: Edit .claude/settings.json | It is a settings file.',
    ]);
  });

  it('unfolds a branch that begins to ask, which VS Code does for a row that it has not seen', () => {
    const rowOf = (one: BranchView) => {
      const [node] = branchNodes(agents({ state: 'running', branches: [one] }));
      if (node === undefined) throw new Error('no row');
      return runRow(node, now);
    };
    const [working, asks] = [rowOf(agent('b1-1', { state: 'running' })), rowOf(asking('b1-1'))];
    expect([working.children, asks.children]).toEqual(['collapsed', 'expanded']);
    expect(asks.id).not.toBe(working.id);
    expect(rowOf(agent('b1-1')).id).toBe(working.id);
  });

  it('sums up repeats and shows the states that branches are compared with', () => {
    const repeat = (at: number, passed: boolean) =>
      agent(`b1-${at}`, { repeat: at, repeats: 3, files: [], checks: [check('npm test', passed)] });
    const view = agents({
      branches: [repeat(1, true), repeat(2, false), repeat(3, true)],
      checks: { forkPoint: [check('npm test', false)], recorded: [check('npm test', true)], problems: [] },
    });
    const rows = drawn(view).filter((line) => !line.startsWith('    pass') && !line.startsWith('      '));
    expect(rows).toEqual([
      'repo-forked Now handle emoji | 3 branches · $0.04 · 2 h',
      '  pass cheaper | Haiku 4.5 · 3 of 3 · passes in 2 of 3 · $0.06 · 8 s',
      '  git-commit fork point | npm test fails',
      '    error npm test | failed with exit code 1 · 2.1 s',
      '  history recorded | npm test passes',
    ]);
  });

  it('says why a state could not be checked', () => {
    const problems = [{ state: 'fork-point' as const, reason: 'The disk is full.' }];
    const view = agents({ branches: [agent('b1-1')], checks: { forkPoint: [], recorded: [], problems } });
    expect(drawn(view)).toContain('  git-commit fork point | could not be prepared: The disk is full.');
  });

  it('says what a branch does meanwhile, and why it stopped', () => {
    const description = (over: Partial<BranchView>) => {
      const [node] = branchNodes(agents({ branches: [agent('b1-1', over)] }));
      return node && runRow(node, now).description;
    };
    const running = { state: 'running' as const, changeSet: null, files: [], checks: [], text: '' };
    const call = { id: 't', name: 'Edit', input: { file_path: `${folder}/src/a.ts` }, answer: 'executed' as const };
    expect(description({ ...running, toolCalls: [call] })).toBe('edits src/a.ts');
    expect(description({ ...running, state: 'waiting', waitingFor: 'limit' })).toBe('waits for the usage limit');
    expect(description({ state: 'cancelled', stopReason: 'budget' })).toBe(
      'Haiku 4.5 · budget spent · +12 −3 · tests pass · $0.02',
    );
    expect(description({ stopReason: 'max_turns' })).toContain('turn limit');
  });

  it('names what there is to do with a row', () => {
    const contexts = (view: RunView) =>
      [runNode(view), ...branchNodes(view).flatMap((n) => (n.kind === 'branch' ? [n, ...branchChildren(n)] : []))].map(
        (node) => runRow(node, now).context,
      );
    expect(contexts(agents())).toEqual([
      'run ended in-process agents',
      'branch ended agent changed session placed overlay',
      'file modified',
      'file added',
      'check check',
    ]);
    const plan = question({ callId: 'p', tool: 'ExitPlanMode', input: { plan: '# Plan' } });
    const choice = question({ callId: 'q', tool: 'AskUserQuestion', input: { questions: [] } });
    expect(
      contexts(agents({ state: 'running', branches: [asking('b1-1', { questions: [question(), plan, choice] })] })),
    ).toEqual([
      'run underway in-process agents',
      'branch underway agent asks session placed overlay',
      'question permission',
      'question plan',
      'question choice',
    ]);
  });

  it('leaves branches of the Messages API as they were: nothing lies below them', () => {
    const [node] = branchNodes(run({ branches: [branch('b1-1', { notes: ['n'] })] }));
    expect(node?.kind === 'branch' && branchChildren(node)).toEqual([]);
    expect(node && runRow(node, now)).toMatchObject({ children: 'none', context: 'branch ended' });
  });

  it('gives a row of its own to so many files only', () => {
    const files = Array.from({ length: 1_000 }, (_, at) => ({
      path: `f${at}`,
      status: 'added' as const,
      added: 1,
      removed: 0,
      binary: false,
    }));
    const [node] = branchNodes(agents({ branches: [agent('b1-1', { files, checks: [] })] }));
    const rows = node?.kind === 'branch' ? branchChildren(node).map((child) => runRow(child, now)) : [];
    expect(rows).toHaveLength(301);
    expect(rows.at(-1)?.label).toBe('700 more files');
    expect(new Set(rows.map(({ id }) => id)).size).toBe(301);
  });

  it('has inert tooltips everywhere', () => {
    const nasty = '<img src=x> ![y](https://evil.example/p.png) https://evil.example';
    const view = agents({
      branches: [
        asking('b1-1', {
          questions: [
            question({ input: { command: nasty } }),
            question({ callId: 'x', tool: nasty, input: { a: nasty } }),
          ],
          files: [{ path: nasty, from: nasty, status: 'renamed', added: 1, removed: 0, binary: false }],
          commits: [{ sha: nasty, subject: nasty }],
          checks: [check(nasty, false)],
          denied: [{ callId: 'd', tool: nasty, message: nasty }],
          notes: [nasty],
        }),
      ],
    });
    for (const node of branchNodes(view).flatMap((n) => (n.kind === 'branch' ? [n, ...branchChildren(n)] : [n]))) {
      const html = new MarkdownIt({ html: true, linkify: true }).render(runTooltip(node));
      expect(html, node.kind).not.toMatch(/<(a|img)\b/);
    }
  });
});

describe('decorations', () => {
  it('find the status of a file by its resource, and nothing in any other', () => {
    const { runId, branches } = agents();
    const of = { run: runId, branch: branches[0]?.branchId ?? ('' as never) };
    const file = { path: 'src/a.ts', status: 'deleted' as const, added: 0, removed: 1, binary: false };
    const uri = changedFileUri(file, of);
    expect(uri.path).toBe('/src/a.ts');
    expect(statusOf(uri.query)).toBe('deleted');
    expect(statusOf('{"status":"deleted"}')).toBeNull();
    expect(statusOf('no json')).toBeNull();
  });
});

describe('the status bar', () => {
  it('counts agents, and those that wait', () => {
    const running = agent('b2-1', { state: 'running' });
    const view = agents({ state: 'running', branches: [running, asking('b1-1'), agent('b3-1')] });
    expect(statusText([view])).toEqual({
      text: '2 agents · 1 waits for you',
      icon: 'loading~spin',
      label: '2 agents, 1 waits for you',
    });
    expect(statusText([agents({ state: 'running', branches: [asking('b1-1')] })]).icon).toBe('question');
    const answers = run({ state: 'running', branches: [branch('b1-1'), branch('b2-1', { state: 'running' })] });
    expect(statusText([answers]).text).toBe('1 of 2 branches');
    expect(statusText([view, answers])).toMatchObject({
      text: '2 agents · 1 waits for you · 1 of 2 branches',
      label: '2 agents, 1 waits for you, 1 of 2 branches done',
    });
    expect(statusText([agents({ state: 'running' })]).text).toBe('finishing');
  });
});

describe('messages', () => {
  it('name files and checks of what ended', () => {
    expect(endedMessage(agents())?.text).toBe(
      '“Now handle emoji”: 1 branch done, +12 −3 in 2 files, tests pass, $0.04.',
    );
    const several = agents({ branches: [agent('b1-1'), agent('b2-1', { checks: [check('tests', false)] })] });
    expect(endedMessage(several)?.text).toBe('“Now handle emoji”: 2 branches done, passes in 1 of 2, $0.04.');
  });

  it('remind once of those that wait when all others are done', () => {
    const before = agents({
      state: 'running',
      branches: [agent('b1-1'), agent('b2-1', { state: 'running' }), asking('b3-1')],
    });
    const after = agents({ state: 'running', branches: [agent('b1-1'), agent('b2-1'), asking('b3-1')] });
    expect(waitingMessage(before, after)).toBe('“Now handle emoji”: 2 of 3 done, 1 waits for you.');
    expect(waitingMessage(after, after)).toBeNull();
    expect(waitingMessage(null, after)).toBeNull();
    expect(waitingMessage(after, agents())).toBeNull();
  });
});
