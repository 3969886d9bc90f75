import { existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createReader } from '../../src/adapters/reader/createReader.ts';
import { createReadingSearch } from '../../src/adapters/reader/createReadingSearch.ts';
import { createReadingStore } from '../../src/adapters/reader/createReadingStore.ts';
import { BadInputError, NotFoundError, ReaderEndedError } from '../../src/core/errors.ts';
import type { OpenSession, SessionChange, SessionStore } from '../../src/core/fork/sessionStore.ts';
import type { SearchBatch } from '../../src/core/search/sessionSearch.ts';
import { bundleReader } from '../support/bundleReader.ts';
import { TranscriptBuilder } from '../support/transcript.ts';
import { writeSession } from '../support/writeSession.ts';

// The sessions through a real thread are those that are read in this one.

let root = '';
let script: URL;
let folders: { claudeDirs: string[]; home: string };
let log: ReturnType<typeof vi.fn<(message: string, error: unknown) => void>>;
const disposables: { dispose(): void }[] = [];

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'reader-')));
  script = await bundleReader(root);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeEach(() => {
  const folder = mkdtempSync(join(root, 'case-'));
  folders = { claudeDirs: [join(folder, 'claude')], home: join(folder, 'home') };
  log = vi.fn<(message: string, error: unknown) => void>();
});
afterEach(() => {
  for (const disposable of disposables.splice(0)) disposable.dispose();
});

function reader(options: { script?: URL; idleMs?: number } = {}) {
  const made = createReader({ folders, script, log, ...options });
  disposables.push(made);
  return made;
}

const claudeDir = (): string => folders.claudeDirs[0] ?? '';

/** A session with a tool call, a rewind and a second file of its project. */
async function writeSome(): Promise<string> {
  await writeSession(claudeDir(), '/work/other', ['A quixotic plan']);
  const sessionId = '11111111-1111-4111-8111-111111111111';
  const builder = new TranscriptBuilder({ sessionId, cwd: '/work/project' });
  for (const prompt of ['First', 'Second', 'Third with a quixotic word']) {
    builder.prompt(prompt);
    builder.reply(`Done: ${prompt}.`);
  }
  const file = join(claudeDir(), 'projects/-work-project', `${sessionId}.jsonl`);
  mkdirSync(join(claudeDir(), 'projects/-work-project'), { recursive: true });
  writeFileSync(file, builder.text());
  return file;
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = [];
  for await (const value of values) got.push(value);
  return got;
}

async function everythingOf(open: OpenSession): Promise<Record<string, unknown>> {
  const { turns } = open.session;
  return {
    session: open.session,
    turns: await open.turns(turns.map(({ index }) => index)),
    messages: await all(open.messages()),
    requests: await all(open.requests()),
    forkAt: await open.forkAt({ turn: 2 }),
    branchChain: await open.branchChain({ turn: 2 }),
    places: await open.places([turns[1]?.turnId ?? ''], ['']),
    files: await open.files(1, { git: false }),
  };
}

const hitsOf = (batches: SearchBatch[]) => batches.flatMap(({ hits }) => hits);

describe('through the thread', () => {
  test('everything is as it is read here', async () => {
    const file = await writeSome();
    const { sessions, search } = reader();
    const here = createReadingStore(folders);
    expect(sessions.folders).toEqual(here.folders);
    expect(await sessions.list()).toEqual(await here.list());
    expect(await sessions.list({ project: '/work/project', limit: 1 })).toEqual(
      await here.list({ project: '/work/project', limit: 1 }),
    );
    expect(await everythingOf(await sessions.open(file))).toEqual(await everythingOf(await here.open(file)));
    const query = { text: 'quixotic' };
    const found = hitsOf(await all(search.search(query)));
    expect(found).toHaveLength(4);
    expect(found).toEqual(hitsOf(await all(createReadingSearch(here, folders.home).search(query))));
    expect((await all(search.updateIndex())).at(-1)).toEqual({ indexed: 2, files: 2 });
    expect(log).not.toHaveBeenCalled();
  });

  test('errors are the same', async () => {
    const file = await writeSome();
    const { sessions, search } = reader();
    const here = createReadingStore(folders);
    const failures: [(store: SessionStore) => Promise<unknown>, unknown][] = [
      [(store) => store.open('no such'), NotFoundError],
      [(store) => store.open(''), NotFoundError],
      [async (store) => (await store.open(file)).forkAt({ turn: 99 }), NotFoundError],
    ];
    for (const [fail, kind] of failures) {
      const [got, expected] = await Promise.all(
        [sessions, here].map((store) => fail(store).catch((error: unknown) => error)),
      );
      expect(got).toBeInstanceOf(kind);
      expect((got as NotFoundError).toJSON()).toEqual((expected as NotFoundError).toJSON());
    }
    await expect(all(search.search({ text: '' }))).rejects.toBeInstanceOf(BadInputError);
  });

  test('changes are told', async () => {
    const { sessions } = reader();
    const changes: SessionChange[] = [];
    const watching = sessions.watch((change) => changes.push(change));
    expect(await sessions.list()).toEqual([]);
    const session = await writeSession(claudeDir(), '/work/live', ['One']);
    await vi.waitFor(() => expect(changes.at(-1)).toMatchObject({ kind: 'changed', session: { turns: 1 } }), 5000);
    await session.add('Two');
    await vi.waitFor(() => expect(changes.at(-1)).toMatchObject({ session: { turns: 2 } }), 5000);
    rmSync(session.file);
    await vi.waitFor(() => expect(changes.at(-1)).toMatchObject({ kind: 'removed', file: session.file }), 5000);
    watching.dispose();
  });
});

describe('opened again', () => {
  test('an unchanged session is the same object', async () => {
    const file = await writeSome();
    const { sessions } = reader();
    const open = await sessions.open(file);
    expect(await sessions.open(file)).toBe(open);
  });

  test('a grown one keeps the turns that it had and gets the new ones', async () => {
    const session = await writeSession(claudeDir(), '/work/live', ['One', 'Two']);
    const { sessions } = reader();
    const before = await sessions.open(session.file);
    await session.add('Three');
    const after = await sessions.open(session.file);
    expect(after.session).toEqual((await createReadingStore(folders).open(session.file)).session);
    expect(after.session.turns).toHaveLength(3);
    expect(after.session.turns[0]).toBe(before.session.turns[0]);
    expect(before.session.turns).toHaveLength(2);
  });

  test('a rewritten one is what the file is now', async () => {
    const session = await writeSession(claudeDir(), '/work/live', ['One', 'Two']);
    const { sessions } = reader();
    await sessions.open(session.file);
    const other = await writeSession(join(root, 'elsewhere'), '/work/live', ['Else']);
    renameSync(other.file, session.file);
    const { turns } = (await sessions.open(session.file)).session;
    expect(turns.map(({ prompt }) => prompt)).toEqual(['Else']);
  });
});

describe('the thread', () => {
  test('ends when nobody asks, watches on, and an open session goes on with what its file is', async () => {
    const session = await writeSession(claudeDir(), '/work/live', ['One']);
    const { sessions } = reader({ idleMs: 1 });
    const changes: SessionChange[] = [];
    sessions.watch((change) => changes.push(change));
    const open = await sessions.open(session.file);
    await session.add('Two');
    await vi.waitFor(() => expect(changes.at(-1)).toMatchObject({ session: { turns: 2 } }), 10_000);
    const [turn] = await open.turns([2]);
    expect(turn).toMatchObject({ prompt: 'Two' });
    expect(log).not.toHaveBeenCalled();
  });

  test('that dies fails what it was asked, says so, and is started anew', async () => {
    const marker = join(folders.home, 'die');
    const folder = mkdtempSync(join(root, 'dying-'));
    const dying = await bundleReader(
      folder,
      `import { existsSync } from 'node:fs';
       import { parentPort, workerData } from 'node:worker_threads';
       import { createReadingSearch } from './src/adapters/reader/createReadingSearch.ts';
       import { createReadingStore } from './src/adapters/reader/createReadingStore.ts';
       import { createReaderTasks } from './src/adapters/reader/readerTasks.ts';
       import { serveTasks } from './src/adapters/reader/serveTasks.ts';
       const store = createReadingStore(workerData);
       const list = async (options) => (existsSync(${JSON.stringify(marker)}) ? process.exit(1) : store.list(options));
       serveTasks(parentPort, createReaderTasks({ ...store, list }, createReadingSearch(store, workerData.home)));`,
    );
    await writeSome();
    const { sessions } = reader({ script: dying });
    expect(await sessions.list()).toHaveLength(2);
    mkdirSync(folders.home, { recursive: true });
    writeFileSync(marker, '');
    const failed = await Promise.allSettled([sessions.list(), sessions.list()]);
    for (const result of failed) {
      expect(result).toMatchObject({ status: 'rejected', reason: { hint: 'Try again: it is started anew.' } });
      expect((result as PromiseRejectedResult).reason).toBeInstanceOf(ReaderEndedError);
    }
    expect(log).toHaveBeenCalledTimes(1);
    rmSync(marker);
    expect(await sessions.list()).toHaveLength(2);
  });

  test.each([
    ['that is not there', 'throw new Error("broken");', false],
    ['that breaks at once', 'throw new Error("broken");', true],
  ])('%s leaves the reading to this one, and the log says so', async (_name, source, there) => {
    const file = await writeSome();
    const folder = mkdtempSync(join(root, 'broken-'));
    const broken = there ? await bundleReader(folder, source) : new URL('./none.mjs', script);
    expect(existsSync(broken)).toBe(there);
    const { sessions } = reader({ script: broken });
    expect((await sessions.open(file)).session.turns).toHaveLength(3);
    expect(await sessions.list()).toHaveLength(2);
    expect(log).toHaveBeenCalledTimes(1);
  });

  test('that was let go of answers nothing more', async () => {
    const { sessions, dispose } = reader();
    await sessions.list();
    dispose();
    await expect(sessions.list()).rejects.toBeInstanceOf(ReaderEndedError);
  });
});
