import { describe, expect, test } from 'vitest';
import { parseSearchText } from '../../../../src/core/search/parseSearchText.ts';

const now = Date.UTC(2026, 10, 21, 12);

describe('a typed search', () => {
  test.each([
    ['slugify', { text: 'slugify' }],
    ['  two  words ', { text: 'two  words' }],
    ['tool:Bash npm test', { text: 'npm test', tool: 'Bash' }],
    ['npm test tool:Bash model:opus', { text: 'npm test', tool: 'Bash', model: 'opus' }],
    ['x project:"my tools"', { text: 'x', projectName: 'my tools' }],
    ['x PROJECT:slug', { text: 'x', projectName: 'slug' }],
    ['x since:2026-06-01', { text: 'x', since: '2026-06-01T00:00:00.000Z' }],
    ['x since:7d', { text: 'x', since: '2026-11-14T12:00:00.000Z' }],
    ['x since:12h', { text: 'x', since: '2026-11-21T00:00:00.000Z' }],
    ['x tool:', { text: 'x' }],
    ['mytool:Bash', { text: 'mytool:Bash' }],
    ['https://x.dev', { text: 'https://x.dev' }],
  ])('%s', (typed, query) => {
    expect(parseSearchText(typed, now)).toEqual({ query, problem: null });
  });

  test('says what it does not understand', () => {
    const { query, problem } = parseSearchText('x since:yesterday', now);
    expect(query).toEqual({ text: 'x' });
    expect(problem).toContain('“yesterday” is no time');
  });
});
