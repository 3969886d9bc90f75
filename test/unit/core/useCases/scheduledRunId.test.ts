import { expect, it } from 'vitest';
import { scheduledRunId } from '../../../../src/core/useCases/scheduledRunId.ts';
import { sha256 } from '../../../support/memoryStores.ts';

it('makes the id of a scheduled run of its firing, so that its order is that of time', () => {
  const id = (firing: string, index = 0) => scheduledRunId(firing, index, sha256);
  expect(id('forkpoint/schedule/nightly-2026-11-30T03:00:00Z')).toMatch(/^r-20261130-030000-[0-9a-f]{8}$/);
  expect(id('a-2026-11-30T03:00:00Z')).toBe(id('a-2026-11-30T03:00:00Z'));
  expect(id('a-2026-11-30T03:00:00Z', 1)).not.toBe(id('a-2026-11-30T03:00:00Z'));
  expect(id('b-2026-11-30T03:00:00Z')).not.toBe(id('a-2026-11-30T03:00:00Z'));
});
