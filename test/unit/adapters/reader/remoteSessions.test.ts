import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Reader } from '../../../../src/adapters/reader/reader.ts';
import { createReaderTasks, type ReaderTasks } from '../../../../src/adapters/reader/readerTasks.ts';
import { createRemoteSessions } from '../../../../src/adapters/reader/remoteSessions.ts';
import { serveTasks } from '../../../../src/adapters/reader/serveTasks.ts';
import { TaskClient } from '../../../../src/adapters/reader/taskClient.ts';
import { NotFoundError } from '../../../../src/core/errors.ts';
import type { OpenSession, SessionStore } from '../../../../src/core/fork/sessionStore.ts';
import type { SessionSearch } from '../../../../src/core/search/sessionSearch.ts';

// Which sessions the reader's side holds, and what crosses when one is opened again.

let prompts: string[];
let opened: string[];
let crossed: unknown[];
let released: number[];
let ports: MessagePort[];
let sessions: SessionStore;
let tasks: ReaderTasks;

const file = '/claude/projects/-work/s.jsonl';

const store = {
  folders: [],
  async open(asked: string) {
    opened.push(asked);
    if (asked !== file) throw new NotFoundError('No such session.', 'Another one.');
    const turns = prompts.map((prompt, at) => ({ index: at + 1, prompt, last: at === prompts.length - 1 }));
    const session = { summary: { file, turns: turns.length }, turns, problems: [] };
    const open = {
      session,
      turns: async (indexes: number[]) => indexes.map((index) => ({ index, prompt: prompts[index - 1] })),
    };
    return open as unknown as OpenSession;
  },
  list: async () => [],
  watch: () => ({ dispose() {} }),
} satisfies SessionStore;

beforeEach(() => {
  [prompts, opened, crossed, released] = [['One', 'Two'], [], [], []];
  const { port1, port2 } = new MessageChannel();
  ports = [port1, port2];
  tasks = createReaderTasks(store, {} as SessionSearch);
  serveTasks<ReaderTasks>(port2, tasks);
  const client = new TaskClient<ReaderTasks>(port1);
  const call: Reader['call'] = async (...given) => {
    const answer = await client.call(...given);
    crossed.push(answer);
    return answer;
  };
  const reader = { call, iterate: client.iterate.bind(client), release: (handle: number) => released.push(handle) };
  sessions = createRemoteSessions(reader as unknown as Reader, { claudeDirs: ['/claude'], home: '/home' });
});
afterEach(() => {
  for (const port of ports) port.close();
});

test('what was opened once is asked again without opening', async () => {
  const open = await sessions.open(file);
  await open.turns([1]);
  await open.turns([2]);
  expect(opened).toEqual([file]);
});

test('of a grown session only the new turns cross', async () => {
  const before = await sessions.open(file);
  prompts.push('Three');
  const after = await sessions.open(file);
  expect(crossed.at(-1)).toMatchObject({
    unchanged: false,
    knownTurns: 1,
    newTurns: [{ prompt: 'Two' }, { prompt: 'Three' }],
  });
  expect(after.session.turns.map(({ prompt }) => prompt)).toEqual(['One', 'Two', 'Three']);
  expect(before.session.turns.map(({ prompt }) => prompt)).toEqual(['One', 'Two']);
});

test('of an unchanged one nothing crosses, but contents come from what was opened last', async () => {
  const before = await sessions.open(file);
  const again = await sessions.open(file);
  expect(again).toBe(before);
  expect(crossed.at(-1)).toEqual({ unchanged: true });
  expect(opened).toHaveLength(2);
});

test('what the reader has let go is opened again by its path, once', async () => {
  const open = await sessions.open(file);
  await tasks.release(new AbortController().signal, 1);
  await Promise.all([open.turns([1]), open.turns([2])]);
  expect(opened).toEqual([file, file]);
});

test('that it can’t be opened again is the call’s error, and not for good', async () => {
  const open = await sessions.open(file);
  await tasks.release(new AbortController().signal, 1);
  const path = open.session.summary.file;
  const failing = vi.spyOn(store, 'open').mockRejectedValueOnce(new NotFoundError(`${path} is gone.`, 'Look.'));
  await expect(open.turns([1])).rejects.toBeInstanceOf(NotFoundError);
  failing.mockRestore();
  expect(await open.turns([1])).toHaveLength(1);
});

test('one whose steps can’t be read any more is opened anew, once', async () => {
  const turn = {
    get steps(): never {
      throw new NotFoundError('It was replaced while it was being read.', 'Open the session again.');
    },
  };
  const late = { session: { summary: { file }, turns: [turn] } } as unknown as OpenSession;
  const opening = vi.spyOn(store, 'open').mockResolvedValueOnce(late);
  expect((await sessions.open(file)).session.turns).toHaveLength(2);
  opening.mockResolvedValueOnce(late).mockResolvedValueOnce(late);
  await expect(sessions.open(file)).rejects.toThrow('was replaced while it was being read');
  opening.mockRestore();
});

test('only methods of a session can be called', async () => {
  await sessions.open(file);
  const reader = new TaskClient<ReaderTasks>(ports[0] as MessagePort);
  await expect(reader.call('ask', [{ handle: 1, file }, 'constructor' as 'turns', []])).rejects.toThrow(
    'no such method',
  );
});

test('what nobody holds any more is released', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await sessions.open(file);
  prompts.push('Three');
  const kept = await sessions.open(file);
  await vi.waitFor(() => {
    collect();
    expect(released).toEqual([1]);
  });
  expect(kept.session.turns).toHaveLength(3);
});
