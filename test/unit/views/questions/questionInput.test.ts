import { describe, expect, it } from 'vitest';
import { askedQuestions, questionKind, questionTitle } from '../../../../src/views/questions/askedQuestions.ts';
import { questionContent } from '../../../../src/views/questions/questionInput.ts';
import { questionOfUri, questionUri } from '../../../../src/views/questions/questionUris.ts';
import { branch, run } from '../support/runs.ts';

describe('questionContent', () => {
  it('has a command in full', () => {
    const command = 'cat <<E\nx\nE\nrm -rf build';
    expect(questionContent('Bash', { command, description: 'Clean' })).toEqual({
      kind: 'text',
      language: 'sh',
      text: command,
    });
  });

  it('has an edit as two sides', () => {
    const file_path = '/p/src/a.ts';
    expect(questionContent('Edit', { file_path, old_string: 'a', new_string: 'b' })).toEqual({
      kind: 'edit',
      path: file_path,
      before: 'a',
      after: 'b',
    });
    expect(questionContent('Write', { file_path, content: 'new' })).toMatchObject({ before: '', after: 'new' });
    const edits = [
      { old_string: 'a', new_string: 'b' },
      { old_string: 'c', new_string: 'd' },
    ];
    expect(questionContent('MultiEdit', { file_path, edits })).toMatchObject({ before: 'a\n…\nc', after: 'b\n…\nd' });
    expect(questionContent('NotebookEdit', { notebook_path: '/p/n.ipynb', new_source: 'x' })).toMatchObject({
      after: 'x',
    });
  });

  it('has a plan as prose, and everything else as JSON', () => {
    expect(questionContent('ExitPlanMode', { plan: '# Plan' })).toMatchObject({ language: 'md', text: '# Plan' });
    expect(questionContent('WebFetch', { url: 'https://x' })).toMatchObject({ language: 'json' });
    for (const odd of [null, undefined, 'text', 3, [], { command: 4 }, { file_path: '/a' }])
      expect(questionContent('Odd', odd).kind).toBe('text');
  });
});

describe('askedQuestions', () => {
  const at = (callId: string, askedAt: string, command: string) => ({
    callId,
    tool: 'Bash',
    input: { command },
    askedAt,
    reason: null,
  });
  const place = { kind: 'worktree' as const, path: '/data/tree/app', root: '/data' };
  const runs = [
    run({
      branches: [
        branch('b1-1', { questions: [at('late', '2026-11-20T10:00:09Z', 'ls')] }),
        branch('b2-1', {
          name: 'terse',
          repeat: 2,
          repeats: 2,
          place,
          questions: [at('early', '2026-11-20T10:00:01Z', 'rm /data/tree/app/x')],
        }),
      ],
    }),
  ];

  it('lists the oldest first, with the name of the branch and paths as they are in the project', () => {
    expect(askedQuestions(runs).map((asked) => [asked.callId, questionTitle(asked)])).toEqual([
      ['early', 'terse #2 asks: rm x'],
      ['late', 'cheaper asks: ls'],
    ]);
  });

  it('are found again by their documents', () => {
    const [first] = askedQuestions(runs);
    const { runId, branchId, callId } = first ?? (undefined as never);
    const uri = questionUri({ runId, branchId, callId }, 'a/b', 'text');
    expect(uri.path).toBe('/a∕b');
    expect(questionOfUri(uri.query)).toEqual({ runId, branchId, callId });
    expect(questionOfUri('{}')).toBeNull();
  });

  it('tell what kind of answer they want', () => {
    expect(['Bash', 'AskUserQuestion', 'ExitPlanMode'].map((tool) => questionKind({ tool }))).toEqual([
      'permission',
      'choice',
      'plan',
    ]);
  });
});
