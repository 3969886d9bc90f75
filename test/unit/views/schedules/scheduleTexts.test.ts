import { describe, expect, it } from 'vitest';
import { branchIdSchema, runIdSchema, sessionIdSchema } from '../../../../src/core/ids.ts';
import type { ScheduleView } from '../../../../src/core/useCases/schedules.ts';
import {
  firingDetail,
  lastText,
  scheduleDescription,
  scheduleQuestion,
} from '../../../../src/views/schedules/scheduleTexts.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const runId = runIdSchema.parse('r-1');
const last = { runId, state: 'completed', at: '2026-11-20T10:00:00Z', runs: [], error: null } as const;
const schedule: ScheduleView = {
  name: 'nightly',
  cron: '0 3 * * *',
  timezone: 'UTC',
  paused: false,
  next: null,
  skipped: 0,
  isUnderWay: false,
  sessions: [sessionIdSchema.parse('s')],
  last: { ...last, runs: [] },
};

describe('a schedule', () => {
  it('says when it fires next, and what came of the last time', () => {
    expect(scheduleDescription({ ...schedule, paused: true })).toBe('0 3 * * * UTC · paused');
    expect(scheduleDescription(schedule)).toBe('0 3 * * * UTC · never again');
    expect(scheduleDescription({ ...schedule, next: '2026-11-21T03:00:00Z' })).toMatch(/ · next 2026-11-2\d \d\d:00$/);
    expect(lastText({ ...schedule, last: null }, now)).toBe('has not run yet');
    expect(lastText(schedule, now)).toBe('last run completed · 2 h');
    const changes = {
      previous: runId,
      costUsd: { before: 1, after: 1 },
      branches: [],
      onlyBefore: ['a'],
      onlyAfter: [],
    };
    const runs = [{ runId, state: 'completed', changes } as const];
    expect(lastText({ ...schedule, last: { ...last, runs: [...runs] } }, now)).toBe(
      'last run completed · 2 h · since the run before: gone: a',
    );
    const error = { code: 'storage', message: 'It is gone.', hint: 'Make it anew.' };
    expect(lastText({ ...schedule, last: { ...last, runs: [], error } }, now)).toBe(
      'failed: It is gone. Make it anew.',
    );
  });

  it('is asked about with its time and what each firing costs', () => {
    expect(scheduleQuestion('Now handle emoji', '0 3 * * 1')).toBe(
      'Run “Now handle emoji” every Monday at 3:00 (0 3 * * 1)?',
    );
    expect(scheduleQuestion('Now handle emoji', '5 4 * * *')).toBe('Run “Now handle emoji” at 5 4 * * *?');
    const preview = {
      branches: [branchIdSchema.parse('b1')],
      models: ['m'],
      host: 'api.example',
      billed: true,
      costUsd: { low: 0.01, high: 0.2 },
    };
    const detail = firingDetail(preview, { executor: 'api', budgetUsd: 2, isTold: 'Told.' });
    expect(detail.split('\n').slice(0, 4)).toEqual([
      'Told.',
      '',
      'Each time: at least 1 request to api.example, $0.01–0.20.',
      'Budget of each run: $2.00.',
    ]);
    const agents = firingDetail(preview, { executor: 'claude-code', budgetUsd: null, isTold: 'Told.' });
    expect(agents).toContain('1 branch answered by Claude Code on this machine.\nIts runs have no budget.');
  });
});
