import { describe, expect, it } from 'vitest';
import type { ParseProblem } from '../../../../src/core/session/recordedSession.ts';
import { parseProblemsUri, problemsUri } from '../../../../src/views/documentUris.ts';
import { problemsDocument } from '../../../../src/views/problems/problemsDocument.ts';
import { session, summary } from '../support/sessions.ts';

const spliced =
  'Another write runs into this line. 1 record of it was recovered whole; not recovered: “Because it strips”.';

describe('the list of a session’s problems', () => {
  it('names each with its line, what it is, what became of it, and what can still be read there', () => {
    const problems: ParseProblem[] = [
      { line: 5, kind: 'spliced_records', detail: spliced },
      { line: 12, kind: 'torn_line', detail: 'The last line is not complete; it is read again when the file grows.' },
    ];
    const { text, references } = problemsDocument(session({ problems, summary: summary({ file: '/claude/s.jsonl' }) }));
    expect(text).toBe(`Problems in “Fix the slugify edge cases”
/claude/s.jsonl

2 problems. Everything else in the file was read. The recording itself is never changed.
Follow the link on a line number (Ctrl or Cmd and click) to see the raw line.

Line 5  Two writes in one line, recovered in part
    Another write runs into this line. 1 record of it was recovered whole; not recovered: “Because it
    strips”.

Line 12  Held back until the file grows
    The last line is not complete; it is read again when the file grows.
`);
    expect(references).toEqual([
      { at: 6, length: 'Line 5'.length, line: 5 },
      { at: 10, length: 'Line 12'.length, line: 12 },
    ]);
  });

  it('says so where there are none', () => {
    const { text, references } = problemsDocument(session({}));
    expect(text).toContain('None: every line of the transcript could be read.');
    expect(references).toEqual([]);
  });

  it('stays short where a whole file is garbage', () => {
    const problems = Array.from({ length: 10_000 }, (_, index) => ({
      line: index + 1,
      kind: 'invalid_json' as const,
      detail: 'x',
    }));
    const { text, references } = problemsDocument(session({ problems }));
    expect(references).toHaveLength(2_000);
    expect(text).toContain('10,000 problems.');
    expect(text).toContain('… and 8,000 more problems.');
  });
});

it('its address comes back as it went, and others are refused', () => {
  expect(parseProblemsUri(problemsUri('a/b', { file: '/a b?#.jsonl' }).query)).toEqual({ file: '/a b?#.jsonl' });
  for (const query of ['', '{}', '{"file":""}', 'null']) expect(parseProblemsUri(query)).toBeNull();
});
