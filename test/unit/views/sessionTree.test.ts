import MarkdownIt from 'markdown-it';
import { describe, expect, it } from 'vitest';
import type { TurnId } from '../../../src/core/ids.ts';
import { sessionChildren } from '../../../src/views/sessionTree/sessionChildren.ts';
import { SessionList } from '../../../src/views/sessionTree/sessionList.ts';
import type { InsideSessionNode, SessionTreeNode } from '../../../src/views/sessionTree/sessionNodes.ts';
import { sessionRow } from '../../../src/views/sessionTree/sessionRows.ts';
import { sessionTooltip } from '../../../src/views/sessionTree/sessionTooltips.ts';
import { call, session, step, summary, turn } from './support/sessions.ts';

const around = { now: Date.parse('2026-11-20T12:00:00Z'), projectPath: '/home/sam/slug-tools' };
const text = (node: SessionTreeNode) => {
  const { label, description } = sessionRow(node, around);
  return description === '' ? label : `${label} | ${description}`;
};

/** The rows as a person sees them, indented. */
function drawn(nodes: readonly SessionTreeNode[], depth = 0): string[] {
  return nodes.flatMap((node) => {
    const children: InsideSessionNode[] =
      node.kind === 'turn' ? node.children : node.kind === 'abandoned' ? node.turns : [];
    return [`${'  '.repeat(depth)}${text(node)}`, ...drawn(children, depth + 1)];
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
        toolUseId: 'toolu_task',
        turnId: 'turn-2' as TurnId,
        messages: 6,
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
      '  explore: “find all callers” | subagent · 6 messages',
      '  Compacted here | 12.5k → 2.7k tokens',
      'Go on | Sonnet 4.5 · interrupted',
      '  Because it strips everything. | step 1',
      'Lost and found | abandoned · 1 turn',
      '  Lost and found | Sonnet 4.5',
      '    Because it strips everything. | step 1',
    ]);
  });

  it('gives every row an id of its own', () => {
    const ids = (all: readonly InsideSessionNode[]): string[] =>
      all.flatMap((node) => [
        node.id,
        ...ids(node.kind === 'turn' ? node.children : node.kind === 'abandoned' ? node.turns : []),
      ]);
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
    const tip = sessionTooltip(node!);
    expect(tip.startsWith('```\ngnp.exe')).toBe(true);
    expect(new MarkdownIt({ html: true, linkify: true }).render(tip)).not.toMatch(/<(a|img)\b/);
    expect(tip).not.toContain('\u202E');
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
