import { expect, test, vi } from 'vitest';
import { RowPages } from '../../../../../src/views/forkPanel/app/rowPages.ts';
import type { ConversationRow } from '../../../../../src/views/forkPanel/protocol.ts';

/** Rows that say by which answer they came; answers are given by hand. */
function pages() {
  const answers: ((rows: ConversationRow[] | null) => void)[] = [];
  const changed = vi.fn<() => void>();
  const fetchRows = vi.fn<(start: number, count: number) => Promise<ConversationRow[]>>(
    () =>
      new Promise((resolve, reject) => {
        answers.push((rows) => (rows === null ? reject(new Error('No.')) : resolve(rows)));
      }),
  );
  return { pages: new RowPages(fetchRows, changed), answers, changed, fetchRows };
}

const rows = (text: string) => Array.from({ length: 40 }, () => ({ text }) as unknown as ConversationRow);

test('fetches a page once, and keeps what is near', async () => {
  const it = pages();
  it.pages.want(0, 50);
  it.pages.want(10, 50);
  expect(it.fetchRows.mock.calls).toEqual([
    [0, 40],
    [40, 40],
  ]);
  it.answers[0]?.(rows('first'));
  await vi.waitFor(() => expect(it.changed).toHaveBeenCalledOnce());
  expect([it.pages.at(3), it.pages.at(45)]).toEqual([{ text: 'first' }, null]);
  it.pages.want(4000, 4010);
  expect(it.pages.at(3)).toBeNull();
});

test('rows of an older reading stay in view until the new ones have come', async () => {
  const it = pages();
  it.pages.want(0, 10);
  it.answers[0]?.(rows('before'));
  await vi.waitFor(() => expect(it.pages.at(0)).toMatchObject({ text: 'before' }));
  it.pages.stale();
  it.pages.want(0, 10);
  expect(it.pages.at(0)).toMatchObject({ text: 'before' });
  it.pages.stale();
  it.pages.want(0, 10);
  // The answer to the second question comes last, though it was asked before the third.
  it.answers[2]?.(rows('after'));
  await vi.waitFor(() => expect(it.pages.at(0)).toMatchObject({ text: 'after' }));
  it.answers[1]?.(rows('between'));
  await Promise.resolve();
  expect(it.pages.at(0)).toMatchObject({ text: 'after' });
  expect(it.fetchRows).toHaveBeenCalledTimes(3);
});

test('a page that could not be fetched is asked for again', async () => {
  const it = pages();
  it.pages.want(0, 10);
  it.answers[0]?.(null);
  await vi.waitFor(() => expect(it.changed).toHaveBeenCalledOnce());
  it.pages.want(0, 10);
  expect(it.fetchRows).toHaveBeenCalledTimes(2);
});
