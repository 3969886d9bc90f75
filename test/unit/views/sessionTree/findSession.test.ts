import { describe, expect, it } from 'vitest';
import { findSessions } from '../../../../src/views/sessionTree/findSession.ts';
import { summary } from '../support/sessions.ts';

const sessions = [
  {
    summary: summary({ file: '/a', title: 'Fix the slugify edge cases' }),
    prompts: ['Why does it drop accents?', 'Now handle emoji'],
  },
  { summary: summary({ file: '/b', title: 'New landing page', projectPath: '/home/sam/website' }), prompts: null },
];
const files = (query: string) =>
  findSessions(sessions, query, 10).map(({ summary: { file }, prompt }) => [file, prompt]);

describe('findSessions', () => {
  it('finds by title, project and prompt, each word anywhere', () => {
    expect(files('SLUGIFY fix')).toEqual([['/a', null]]);
    expect(files('website')).toEqual([['/b', null]]);
    expect(files('slug emoji')).toEqual([['/a', 'Now handle emoji']]);
  });
  it('lists all for an empty query, and none where a word is missing', () => {
    expect(files(' ')).toHaveLength(2);
    expect(files('emoji accents')).toEqual([]);
  });
  it('keeps to the limit', () => expect(findSessions(sessions, '', 1)).toHaveLength(1));
});
