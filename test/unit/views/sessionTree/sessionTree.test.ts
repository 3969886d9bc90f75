import MarkdownIt from 'markdown-it';
import { describe, expect, it } from 'vitest';
import type { SessionId, TurnId } from '../../../../src/core/ids.ts';
import type { SubagentSummary, Turn } from '../../../../src/core/session/recordedSession.ts';
import { parentOf, projectChildren } from '../../../../src/views/sessionTree/projectChildren.ts';
import { sessionChildren, subagentChildren, turnChildren } from '../../../../src/views/sessionTree/sessionChildren.ts';
import { SessionList } from '../../../../src/views/sessionTree/sessionList.ts';
import type { SessionNode, SessionTreeNode, SubagentNode } from '../../../../src/views/sessionTree/sessionNodes.ts';
import { sessionRow } from '../../../../src/views/sessionTree/sessionRows.ts';
import { sessionTooltip } from '../../../../src/views/sessionTree/sessionTooltips.ts';
import { call, session, step, summary, turn } from '../support/sessions.ts';

const around = { now: Date.parse('2026-11-20T12:00:00Z'), projectPath: '/home/sam/slug-tools' };
const text = (node: SessionTreeNode) => {
  const { label, description } = sessionRow(node, around);
  return description === '' ? label : `${label} | ${description}`;
};

/** What the view shows under a row that needs no file. The support's turns are whole, so their steps are at hand. */
function childrenOf(node: SessionTreeNode): SessionTreeNode[] {
  if (node.kind === 'turn') return turnChildren(node, node.data as Turn);
  if (node.kind === 'project') return projectChildren(node);
  if (node.kind === 'period') return node.sessions;
  return node.kind === 'abandoned' ? node.turns : [];
}

/** The rows as a person sees them, indented. */
function drawn(nodes: readonly SessionTreeNode[], depth = 0): string[] {
  return nodes.flatMap((node) => {
    return [`${'  '.repeat(depth)}${text(node)}`, ...drawn(childrenOf(node), depth + 1)];
  });
}

describe('sessionChildren', () => {
  const edit = step(6, {
    index: 1,
    toolCalls: [
      call('Edit', { file_path: '/home/sam/slug-tools/src/slugify.ts' }),
      call('Bash', { command: 'npm test' }, true),
    ],
  });
  const task = step(8, {
    index: 2,
    toolCalls: [{ ...call('Task', { description: 'find all callers' }), id: 'toolu_task' }],
  });
  const recorded = session({
    turns: [
      turn(1, 1, { prompt: 'Why does slugify\ndrop accents?' }),
      turn(2, 5, { prompt: 'Now handle emoji', models: ['claude-opus-4-5'], steps: [edit, task] }),
      turn(3, 20, { prompt: 'Try a regex instead', active: false, parentTurnId: 'turn-1' as TurnId }),
      turn(4, 24, { prompt: 'Shorter', active: false, parentTurnId: 'turn-3' as TurnId }),
      turn(5, 30, { prompt: 'Go on', parentTurnId: 'turn-2' as TurnId, interrupted: true }),
      turn(6, 40, { prompt: 'Lost and found', active: false, parentTurnId: null }),
    ],
    branches: [
      { leafUuid: 'step-31', splitUuid: null, turns: ['turn-1', 'turn-2', 'turn-5'] as TurnId[], active: true },
      { leafUuid: 'step-25', splitUuid: 'step-2', turns: ['turn-1', 'turn-3', 'turn-4'] as TurnId[], active: false },
    ],
    subagents: [
      {
        agentId: 'a1',
        agentType: 'explore',
        parentAgentId: null,
        task: 'find all callers',
        toolUseId: 'toolu_task',
        turnId: 'turn-2' as TurnId,
        messages: 6,
        steps: 3,
        file: '/sub.jsonl',
      },
    ],
    compactions: [{ uuid: 'c1', line: 29, trigger: 'manual', preTokens: 12_516, postTokens: 2_666 }],
  });
  const nodes = sessionChildren('/s.jsonl', recorded);

  it('shows turns, steps and what happened beside them, and drops nothing', () => {
    expect(drawn(nodes)).toEqual([
      'Why does slugify drop accents? | Sonnet 4.5',
      '  Because it strips everything. | step 1',
      '  Try a regex instead | abandoned · 2 turns',
      '    Try a regex instead | Sonnet 4.5',
      '      Because it strips everything. | step 1',
      '    Shorter | Sonnet 4.5',
      '      Because it strips everything. | step 1',
      'Now handle emoji | Opus 4.5 · Edit, Bash, Task · 1 error',
      '  Edits src/slugify.ts, runs npm test | step 1 · 1 error',
      '  Starts a subagent: find all callers | step 2',
      '  explore: “find all callers” | subagent · 3 steps',
      '  Compacted here | 12.5k → 2.7k tokens',
      'Go on | Sonnet 4.5 · interrupted',
      '  Because it strips everything. | step 1',
      'Lost and found | abandoned · 1 turn',
      '  Lost and found | Sonnet 4.5',
      '    Because it strips everything. | step 1',
    ]);
  });

  it('gives every row an id of its own', () => {
    const ids = (all: readonly SessionTreeNode[]): string[] =>
      all.flatMap((node) => [node.id, ...ids(childrenOf(node))]);
    expect(new Set(ids(nodes)).size).toBe(ids(nodes).length);
  });

  it('says role, name and state to screen readers', () => {
    expect(sessionRow(nodes[1]!, around).accessibilityLabel).toBe(
      'Turn 2, Now handle emoji, Opus 4.5, Edit, Bash, Task, 1 error',
    );
  });
});

describe('untrusted text', () => {
  const nasty = '\u202Egnp.exe $(zap)\n[x](command:quit) <img src=x> ![y](https://evil.example/p.png)';
  const [node] = sessionChildren('/s.jsonl', session({ turns: [turn(1, 1, { prompt: nasty, error: nasty })] }));

  it('is one clean line in labels', () =>
    expect(sessionRow(node!, around).label).toBe(
      'gnp.exe $(zap) [x](command:quit) <img src=x> ![y](https://evil.example/p.png)',
    ));

  it('is fenced or escaped in tooltips', () => {
    const tip = sessionTooltip(node!, { titleOf: () => null });
    expect(tip.startsWith('```\ngnp.exe')).toBe(true);
    expect(new MarkdownIt({ html: true, linkify: true }).render(tip)).not.toMatch(/<(a|img)\b/);
    expect(tip).not.toContain('\u202E');
  });
});

describe('subagents', () => {
  const agent = (agentId: string, parentAgentId: string | null, toolUseId: string | null): SubagentSummary => ({
    agentId,
    agentType: agentId,
    parentAgentId,
    task: null,
    toolUseId,
    turnId: toolUseId === 'toolu_outer' ? ('turn-1' as TurnId) : null,
    messages: 2,
    steps: 0,
    file: `/agent-${agentId}.jsonl`,
  });
  const starting = (id: string) => [step(2, { toolCalls: [{ ...call('Task', {}), id }] })];
  const outer = agent('outer', null, 'toolu_outer');
  const inner = agent('inner', 'outer', 'toolu_inner');
  const deep = agent('deep', 'inner', 'toolu_deep');
  const recorded = session({
    turns: [turn(1, 1, { steps: starting('toolu_outer') })],
    subagents: [deep, inner, outer],
  });
  const [first] = sessionChildren('/s.jsonl', recorded);
  const row = childrenOf(first!).find((node): node is SubagentNode => node.kind === 'subagent')!;

  it('expand to their own turns, and to the subagents that they started, at any depth', () => {
    const own = session({ turns: [turn(1, 1, { prompt: 'Find all callers', steps: starting('toolu_inner') })] });
    const children = subagentChildren(row, own);
    expect(drawn(children)).toEqual([
      'Find all callers | Sonnet 4.5 · Task',
      '  Calls Task | step 1',
      '  inner | subagent · 2 messages',
    ]);
    const nested = childrenOf(children[0]!).find((node): node is SubagentNode => node.kind === 'subagent')!;
    const below = subagentChildren(nested, session({ turns: [turn(1, 1, { steps: starting('toolu_deep') })] }));
    expect(drawn(below).at(-1)).toBe('  deep | subagent · 2 messages');
  });

  it('lead commands to their own file, and to the session that they belong to', () => {
    const [own] = subagentChildren(row, session({ turns: [turn(1, 1)] }));
    expect(own).toMatchObject({ kind: 'turn', file: '/agent-outer.jsonl', turn: 1, session: '/s.jsonl' });
    expect(childrenOf(own!)[0]).toMatchObject({ kind: 'step', file: '/agent-outer.jsonl', session: '/s.jsonl' });
  });

  it('have rows of their own wherever they are shown', () => {
    const again = { ...row, id: `/s.jsonl#branch:x>${row.id}` };
    const ids = [row, again].flatMap((node) => subagentChildren(node, session({ turns: [turn(1, 1)] })));
    expect(new Set(ids.map(({ id }) => id)).size).toBe(ids.length);
  });

  it('are never lost, also where recordings name each other as parents', () => {
    const circle = [agent('a', 'b', null), agent('b', 'a', null), agent('orphan', 'gone', null)];
    const rows = sessionChildren('/s.jsonl', session({ turns: [turn(1, 1)], subagents: circle }));
    expect(rows.map(({ id }) => id)).toEqual([
      '/s.jsonl#turn-1',
      '/s.jsonl#agent:a',
      '/s.jsonl#agent:b',
      '/s.jsonl#agent:orphan',
    ]);
  });
});

describe('families', () => {
  const parent = summary({ file: '/p.jsonl', sessionId: 'parent' as SessionId, title: 'Parent' });
  const fork = (name: string, messageUuid: string | null) =>
    summary({
      file: `/${name}.jsonl`,
      sessionId: name as SessionId,
      title: name,
      forkedFrom: { sessionId: 'parent', messageUuid },
    });
  const recorded = session({ turns: [turn(1, 1), turn(2, 10)] });

  it('show forks under the turn that they go on from, else after the turns', () => {
    const forks = [fork('early', 'step-2'), fork('late', 'turn-2'), fork('somewhere', null)];
    expect(drawn(sessionChildren('/p.jsonl', recorded, forks))).toEqual([
      'Prompt 1 | Sonnet 4.5',
      '  Because it strips everything. | step 1',
      '  Forked: early | 2 h · 2 turns',
      'Prompt 2 | Sonnet 4.5',
      '  Forked: late | 2 h · 2 turns',
      '  Because it strips everything. | step 1',
      'Forked: somewhere | 2 h · 2 turns',
    ]);
  });

  it('are known by the list, from both sides', () => {
    const list = new SessionList([]);
    list.reset([parent, fork('early', null), fork('late', null)]);
    expect(list.forksOf(parent).map(({ title }) => title)).toEqual(['early', 'late']);
    expect(list.findById('parent')?.summary).toBe(parent);
    expect(text(list.find('/early.jsonl')!)).toBe('early | 2 h · 2 turns · fork');
    expect(sessionTooltip(list.find('/early.jsonl')!, { titleOf: () => 'Parent' })).toContain('**Forked from** Parent');
    expect(sessionTooltip(list.find('/early.jsonl')!, { titleOf: () => null })).toContain('not listed');
  });
});

describe('sessions that go, stay or are kept', () => {
  const node = (over: Partial<SessionNode['summary']>): SessionNode => {
    const data = summary({ file: '/a.jsonl', title: 'A', ...over });
    return { kind: 'session', id: 'session:/a.jsonl', file: data.file, summary: data };
  };
  const soon = { expiresAt: '2026-11-23T11:00:00Z' };

  it.each([
    ['far from its end', { expiresAt: '2026-12-20T10:00:00Z' }, 'A | 2 h · 2 turns', 'comment-discussion', 'session'],
    ['near its end', soon, 'A | goes in 2 days · 2 h · 2 turns', 'history', 'session expiring'],
    [
      'tomorrow',
      { expiresAt: '2026-11-21T13:00:00Z' },
      'A | goes tomorrow · 2 h · 2 turns',
      'history',
      'session expiring',
    ],
    ['overdue', { expiresAt: '2026-11-01T10:00:00Z' }, 'A | goes today · 2 h · 2 turns', 'history', 'session expiring'],
    ['kept', { ...soon, kept: true }, 'A | 2 h · 2 turns · kept', 'comment-discussion', 'session kept'],
    ['archived', { kept: true, archived: true }, 'A | 2 h · 2 turns · archived', 'archive', 'session kept archived'],
    [
      'damaged',
      { ...soon, problems: 1 },
      'A | goes in 2 days · 2 h · 2 turns · 1 problem',
      'warning',
      'session expiring problems',
    ],
  ])('%s', (_name, over, shown, icon, context) => {
    const row = sessionRow(node(over), around);
    expect(text(node(over))).toBe(shown);
    expect(row).toMatchObject({ icon, context });
  });

  it('say in their tooltips when and what to do', () => {
    const tip = sessionTooltip(node(soon), { titleOf: () => null });
    expect(new MarkdownIt().render(tip)).toContain('<strong>May be deleted</strong> after 2026-11-23 11:00:00 UTC');
    expect(tip).toContain('Keep This Session');
  });
});

describe('a project with very many sessions', () => {
  const many = Array.from({ length: 600 }, (_, index) => {
    const lastAt = new Date(Date.UTC(2026, 10, 20) - index * 6 * 3_600_000).toISOString();
    return summary({ file: `/${String(index).padStart(4, '0')}.jsonl`, title: `Session ${index}`, lastAt });
  });
  const list = new SessionList([]);
  list.reset(many);
  const [project] = list.projects;

  it('shows the newest and folds the older ones by month, each once', () => {
    const rows = projectChildren(project!);
    expect(rows.slice(0, 200).every(({ kind }) => kind === 'session')).toBe(true);
    expect(rows.slice(200).map(text)).toEqual([
      'October 2026 | 1',
      'September 2026 | 120',
      'August 2026 | 124',
      'July 2026 | 124',
      'June 2026 | 31',
    ]);
    const shown = rows.flatMap((row) => (row.kind === 'period' ? row.sessions : [row]));
    expect(new Set(shown).size).toBe(600);
  });

  it('says under which row each stands', () => {
    for (const row of projectChildren(project!)) {
      if (row.kind === 'session') expect(parentOf(row, project!)).toBe(project);
      else for (const each of row.sessions) expect(parentOf(each, project!).id).toBe(row.id);
    }
  });
});

describe('worktrees', () => {
  const repository = '/home/sam/slug-tools';
  const worktree = '/home/sam/trees/emoji';
  const main = summary({ file: '/m.jsonl', title: 'Main', repository, lastAt: '2026-11-20T09:00:00Z' });
  const linked = summary({ file: '/w.jsonl', title: 'Linked', repository, worktree, projectPath: worktree });
  const below = summary({ file: '/b.jsonl', title: 'Below', repository, worktree, projectPath: `${worktree}/docs` });
  const other = summary({ file: '/o.jsonl', title: 'Other', projectPath: '/home/sam/website' });
  const list = (folders: string[]) => {
    const made = new SessionList(folders);
    made.reset([main, linked, below, other]);
    return drawn(made.projects);
  };

  it('of a repository are one project, each session named with its worktree', () => {
    expect(list([repository])).toEqual([
      'slug-tools | this folder · 2',
      '  Linked | 2 h · 2 turns · emoji',
      '  Main | 3 h · 2 turns',
      'docs | in this folder · 1',
      '  Below | 2 h · 2 turns · emoji',
      'website | 1',
      '  Other | 2 h · 2 turns',
    ]);
  });

  it('make their project the one of the window that is open on them', () => {
    expect(list([worktree]).filter((line) => !line.startsWith(' '))).toEqual([
      'slug-tools | this folder · 2',
      'docs | in this folder · 1',
      'website | 1',
    ]);
  });
});

describe('SessionList', () => {
  const here = '/home/sam/slug-tools';
  const a = summary({ file: '/a.jsonl', title: 'A', lastAt: '2026-11-20T10:00:00Z' });
  const b = summary({ file: '/b.jsonl', title: 'B', lastAt: '2026-11-20T11:00:00Z' });
  const elsewhere = summary({
    file: '/c.jsonl',
    title: 'C',
    projectPath: '/home/sam/website',
    lastAt: '2026-11-20T11:30:00Z',
  });
  const below = summary({ file: '/d.jsonl', title: 'D', projectPath: `${here}/docs`, lastAt: '2026-11-19T11:30:00Z' });
  const list = () => {
    const made = new SessionList([`${here}/`]);
    made.reset([a, b, elsewhere, below]);
    return made;
  };
  const rows = (made: SessionList) =>
    made.projects.flatMap((project) => [text(project), ...project.sessions.map((node) => `  ${node.summary.title}`)]);

  it('puts this folder first, then folders in it, then the rest, the newest first', () => {
    expect(rows(list())).toEqual([
      'slug-tools | this folder · 2',
      '  B',
      '  A',
      'docs | in this folder · 1',
      '  D',
      'website | 1',
      '  C',
    ]);
  });

  it('refreshes a row that only reads differently', () => {
    const made = list();
    const touched = made.apply({ kind: 'changed', session: { ...b, turns: 3, lastAt: '2026-11-20T11:10:00Z' } });
    expect(touched).toBe(made.find('/b.jsonl'));
    expect(text(made.find('/b.jsonl')!)).toBe('B | 50 min · 3 turns');
  });

  it('refreshes a project whose order changes or that gains a session', () => {
    const made = list();
    const [project] = made.projects;
    expect(made.apply({ kind: 'changed', session: { ...a, lastAt: '2026-11-20T11:20:00Z' } })).toBe(project);
    expect(rows(made).slice(0, 3)).toEqual(['slug-tools | this folder · 2', '  A', '  B']);
    expect(
      made.apply({
        kind: 'changed',
        session: summary({ file: '/e.jsonl', title: 'E', lastAt: '2026-11-20T11:50:00Z' }),
      }),
    ).toBe(project);
    expect(made.apply({ kind: 'removed', sessionId: a.sessionId, file: '/a.jsonl' })).toBe(project);
    expect(made.projects[0]).toBe(project);
  });

  it('refreshes everything when a project comes, goes or moves', () => {
    const made = list();
    expect(made.apply({ kind: 'changed', session: summary({ file: '/f.jsonl', projectPath: '/home/sam/new' }) })).toBe(
      'all',
    );
    expect(made.apply({ kind: 'removed', sessionId: elsewhere.sessionId, file: '/c.jsonl' })).toBe('all');
    expect(made.apply({ kind: 'changed', session: { ...a, projectPath: '/home/sam/new' } })).toBe('all');
  });

  it('ignores the end of a file that was never listed', () => {
    expect(list().apply({ kind: 'removed', sessionId: a.sessionId, file: '/never.jsonl' })).toBeNull();
  });
});
