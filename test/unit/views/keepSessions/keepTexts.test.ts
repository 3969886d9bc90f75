import { describe, expect, it } from 'vitest';
import {
  expiringMessage,
  forgetQuestion,
  keepChoices,
  keptMessage,
} from '../../../../src/views/keepSessions/keepTexts.ts';
import { summary } from '../support/sessions.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const going = (title: string, expiresAt: string, over = {}) =>
  summary({ file: `/${title}.jsonl`, title, expiresAt, ...over });
const far = going('Far', '2026-12-20T00:00:00Z');
const soon = going('Soon', '2026-11-23T13:00:00Z');
const today = going('Today', '2026-11-20T20:00:00Z');
const kept = going('Kept', '2026-11-21T00:00:00Z', { kept: true });

describe('expiringMessage', () => {
  it('counts the sessions that go, and by when', () => {
    expect(expiringMessage([far, kept], now)).toBeNull();
    expect(expiringMessage([far, soon, today], now)).toMatch(/^Claude Code deletes 2 sessions within 3 days\./);
    expect(expiringMessage([today], now)).toMatch(/^Claude Code deletes 1 session today\./);
  });
});

describe('keepChoices', () => {
  it('offers what is not kept yet, the most urgent first', () => {
    expect(
      keepChoices([far, soon, kept, today], now).map(({ label, description }) => `${label}: ${description}`),
    ).toEqual(['Today: 2 h · 2 turns · goes today', 'Soon: 2 h · 2 turns · goes in 3 days', 'Far: 2 h · 2 turns']);
  });
});

describe('keptMessage', () => {
  it('says what was copied', () => {
    expect(keptMessage({ sessions: 1, files: 3, bytes: 3_400_000 }, 'Fix it')).toBe(
      '“Fix it” is kept: 3 files copied, 3.4 MB in all',
    );
    expect(keptMessage({ sessions: 2, files: 5, bytes: 12_000 }, null)).toBe(
      '2 sessions are kept: 5 files copied, 12 kB in all',
    );
    expect(keptMessage({ sessions: 1, files: 0, bytes: 12_000 }, 'Fix it')).toBe('“Fix it” is kept already');
  });
});

describe('forgetQuestion', () => {
  it('tells the last copy from a spare one', () => {
    expect(forgetQuestion({ ...kept, archived: true }, now)).toMatchObject({
      message: 'Delete the last copy of “Kept”?',
      action: 'Delete',
    });
    expect(forgetQuestion(kept, now)).toEqual({
      message: 'Remove the copy of “Kept” from the archive?',
      detail: 'The original stays, but it goes today: Claude Code deletes old sessions.',
      action: 'Remove Copy',
    });
    expect(forgetQuestion({ ...kept, expiresAt: null }, now).detail).toBe('The original stays.');
  });

  it('keeps recorded text from becoming a link', () => {
    expect(forgetQuestion({ ...kept, title: '[x](command:quit)' }, now).message).not.toContain('](command:');
  });
});
