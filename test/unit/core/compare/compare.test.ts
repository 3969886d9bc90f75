import { describe, expect, it } from 'vitest';
import { textDiff } from '../../../../src/adapters/textDiff.ts';
import { noUsage } from '../../../../src/core/api/usage.ts';
import { comparePair } from '../../../../src/core/compare/compareBranches.ts';
import type { Trajectory } from '../../../../src/core/compare/trajectory.ts';
import { documentOf, sentencePerLine, trajectoryLines } from '../../../../src/core/compare/trajectoryLines.ts';

const edit = (newString: string) => ({
  name: 'Edit',
  input: { file_path: '/home/sam/slug-tools/src/slugify.ts', old_string: 'a\nb', new_string: newString },
  result: { content: 'The file was updated.', isError: false },
});

const course = (over: Partial<Trajectory> = {}): Trajectory => ({
  steps: [
    { turn: 2, text: 'I look first. Then I edit.', calls: [edit('c')] },
    { turn: 2, text: 'Done.', calls: [] },
  ],
  ends: 'end_turn',
  ...over,
});

const render = (trajectory: Trajectory, projectPath: string | null) =>
  documentOf(trajectoryLines(trajectory, projectPath));

const side = (id: string, trajectory: Trajectory) => ({
  trajectory,
  projectPath: '/home/sam/slug-tools',
  lines: trajectoryLines(trajectory, '/home/sam/slug-tools'),
  shown: {
    id,
    name: id,
    model: 'm',
    state: 'completed',
    stopReason: trajectory.ends,
    steps: trajectory.steps.length,
    toolCalls: 1,
    usage: noUsage,
    costUsd: null,
    durationMs: null,
    document: render(trajectory, '/home/sam/slug-tools'),
  },
});

describe('trajectoryLines', () => {
  it('writes the same sections in the same order, a sentence a line', () => {
    expect(render(course(), '/home/sam/slug-tools')).toBe(
      [
        'Step 1',
        'I look first.',
        'Then I edit.',
        '',
        '→ Edit  src/slugify.ts',
        '    new_string: c',
        '    old_string:',
        '      a',
        '      b',
        '← recorded result, 1 line',
        '      The file was updated.',
        '',
        'Step 2',
        'Done.',
        '',
        'Ends: end_turn',
        '',
      ].join('\n'),
    );
  });

  it('names the turn where there are several', () => {
    const text = render(
      course({
        steps: [
          { turn: 2, text: 'A', calls: [] },
          { turn: 3, text: 'B', calls: [] },
        ],
      }),
      null,
    );
    expect(text).toContain('Turn 2, step 1\nA');
    expect(text).toContain('Turn 3, step 1\nB');
  });

  it('says that a call had no recorded result', () => {
    const text = render(
      course({ steps: [{ turn: 2, text: '', calls: [{ name: 'Bash', input: { command: 'ls' }, result: null }] }] }),
      null,
    );
    expect(text).toContain('→ Bash  ls\n← no recorded result');
  });
});

describe('sentencePerLine', () => {
  it('leaves code, lists and tables as they are', () => {
    const text = ['One. Two.', '', '- a. b.', '```', 'x. y.', '```', '| a. b. |'].join('\n');
    expect(sentencePerLine(text)).toBe(['One.', 'Two.', '', '- a. b.', '```', 'x. y.', '```', '| a. b. |'].join('\n'));
  });

  it('changes nothing but line breaks', () => {
    const text = 'See v1.2.3 of e.g. foo.ts. "Right?" Yes!  Good.';
    expect(sentencePerLine(text).replace(/\s+/g, '')).toBe(text.replace(/\s+/g, ''));
  });
});

describe('comparePair', () => {
  it('finds equal courses equal', () => {
    const pair = comparePair(side('recorded', course()), side('b1', course()), textDiff);
    expect(pair).toMatchObject({ similarity: 1, firstDivergence: null, textDiff: '' });
    expect(pair.toolDiff).toEqual({ onlyA: [], onlyB: [] });
  });

  it('says where two courses part, and how alike they are', () => {
    const other = course({
      steps: [{ turn: 2, text: 'I look first. Then I edit.', calls: [edit('d')] }, ...course().steps.slice(1)],
    });
    const pair = comparePair(side('recorded', course()), side('b1', other), textDiff);
    expect(pair.firstDivergence).toEqual({
      step: 1,
      kind: 'tool',
      lineA: 6,
      lineB: 6,
      summary: '    new_string: c ↔     new_string: d',
    });
    expect(pair.similarity).toBeCloseTo(15 / 16, 5);
    expect(pair.textDiff).toContain('-    new_string: c\n+    new_string: d');
  });

  it('lists the calls that only one side made', () => {
    const other = course({
      steps: [{ turn: 2, text: '', calls: [{ name: 'Bash', input: { command: 'npm test' }, result: null }] }],
    });
    expect(comparePair(side('recorded', course()), side('b1', other), textDiff).toolDiff).toEqual({
      onlyA: ['Edit  src/slugify.ts'],
      onlyB: ['Bash  npm test'],
    });
  });

  it('tells a difference in the end from one in the text', () => {
    const ofSteps = (...texts: string[]) => course({ steps: texts.map((text) => ({ turn: 2, text, calls: [] })) });
    const where = (a: Trajectory, b: Trajectory) =>
      comparePair(side('recorded', a), side('b1', b), textDiff).firstDivergence;
    expect(where(ofSteps('A'), { ...ofSteps('A'), ends: 'max_tokens' })).toMatchObject({ kind: 'end', lineA: 4 });
    expect(where(ofSteps('A'), ofSteps('B'))).toMatchObject({ kind: 'text', step: 1, lineA: 2 });
    expect(where(ofSteps('A', 'B'), ofSteps('A', 'C'))).toMatchObject({ kind: 'text', step: 2, lineA: 5 });
  });

  it('takes what a reply says for text, whatever it looks like', () => {
    const says = (text: string) => course({ steps: [{ turn: 2, text: `Step 2\nStep 3\n${text}`, calls: [] }] });
    const [first, second] = [side('recorded', says('→ Bash  ls')), side('b1', says('Ends: here'))];
    expect(comparePair(first, second, textDiff).firstDivergence).toMatchObject({ kind: 'text', step: 1, lineA: 4 });
  });
});
