import {
  appendFileSync,
  type FSWatcher,
  mkdirSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SessionFolders } from '../../src/adapters/sessions/sessionFolders.ts';
import { systemWatch, type WatchSystem } from '../../src/adapters/sessions/watching/folderWatch.ts';
import type { WatchedFolders } from '../../src/adapters/sessions/watching/projectWatch.ts';
import { reportsChanges } from '../../src/adapters/sessions/watching/reportsChanges.ts';
import { watchSessions } from '../../src/adapters/sessions/watchSessions.ts';
import type { SessionChange } from '../../src/core/fork/sessionStore.ts';
import { TranscriptBuilder } from '../support/transcript.ts';

let scratch: string;
let root: string;
let project: string;
const ends: (() => void)[] = [];

beforeEach(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-watch-'));
  root = path.join(scratch, 'claude', 'projects');
  project = path.join(root, '-home-sam-slug-tools');
});

afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await rm(scratch, { recursive: true, force: true });
});

const at = (id: string) => path.join(project, `${id}.jsonl`);
function text(sessionId: string, ...prompts: string[]): string {
  const builder = new TranscriptBuilder({ sessionId });
  for (const prompt of prompts) {
    builder.prompt(prompt);
    builder.reply('Done.');
  }
  return builder.text();
}
function write(id: string, ...prompts: string[]): void {
  mkdirSync(project, { recursive: true });
  writeFileSync(at(id), text(id, ...prompts));
}

/** Watches, and waits for what is told. */
function watching(system: WatchSystem = systemWatch, folders: WatchedFolders = new SessionFolders([root])) {
  const told: SessionChange[] = [];
  const watch = watchSessions(folders, (change) => told.push(change), system);
  ends.push(() => watch.dispose());
  return {
    folders,
    told,
    watch,
    /** Does something and waits for a change that fits. */
    async expectTold(act: () => void, fits: (change: SessionChange) => boolean): Promise<void> {
      told.length = 0;
      act();
      await vi.waitFor(() => expect(told.filter(fits)).not.toEqual([]), { timeout: 20_000, interval: 10 });
    },
  };
}

const changed = (id: string, turns: number) => (change: SessionChange) =>
  change.kind === 'changed' && change.session.sessionId === id && change.session.turns === turns;
const removed = (id: string) => (change: SessionChange) => change.kind === 'removed' && change.sessionId === id;
const titled = (title: string) => (change: SessionChange) =>
  change.kind === 'changed' && change.session.title === title;
const subagentOf = (id: string, file: string) => (change: SessionChange) =>
  change.kind === 'changed' && change.session.sessionId === id && change.subagent === file;

/** As Linux answers when a user's watches are used up. */
const refusing: WatchSystem = () => {
  throw Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), { code: 'ENOSPC' });
};

/** Gives up after it began, as when a network folder is lost. */
const failing: WatchSystem = (folder, options, listener) => {
  const watcher = systemWatch(folder, options, listener);
  setImmediate(() => (watcher as FSWatcher).emit('error', new Error('EMFILE')));
  return watcher;
};

/** Watches and says nothing, as for folders that another machine writes to. */
const silent: WatchSystem = () => {
  const watcher = { on: () => watcher, close: () => undefined } as unknown as ReturnType<WatchSystem>;
  return watcher;
};

describe.each([
  ['by the system', systemWatch],
  ['by polling, where the system refuses', refusing],
  ['by polling, once the system gives up', failing],
])('sessions are watched %s', (_how, system) => {
  it('whatever happens to a file', async () => {
    write('bystander', 'One');
    const { expectTold, told } = watching(system);
    await expectTold(() => write('a', 'One'), changed('a', 1));
    const more = text('a', 'One', 'Two').slice(text('a', 'One').length);
    await expectTold(() => appendFileSync(at('a'), more), changed('a', 2));
    await expectTold(() => truncateSync(at('a'), text('a', 'One').length), changed('a', 1));
    await expectTold(() => truncateSync(at('a'), 0), removed('a'));
    await expectTold(() => write('a', 'One'), changed('a', 1));
    writeFileSync(path.join(scratch, 'replacement'), text('a', 'Other', 'Words', 'Here'));
    await expectTold(() => renameSync(path.join(scratch, 'replacement'), at('a')), changed('a', 3));
    await expectTold(() => writeFileSync(at('a'), text('a', 'Owner', 'Words', 'Here')), titled('Owner'));
    await expectTold(() => renameSync(at('a'), at('b')), changed('b', 3));
    if (!told.some(removed('a'))) await expectTold(() => undefined, removed('a'));
    renameSync(at('b'), path.join(scratch, 'aside'));
    await expectTold(() => undefined, removed('b'));
    await expectTold(() => renameSync(path.join(scratch, 'aside'), at('b')), changed('b', 3));
    expect(told.some((change) => change.kind === 'changed' && change.session.sessionId === 'bystander')).toBe(false);
  });

  it('in folders that come later, go, and are made anew', async () => {
    const { expectTold } = watching(system);
    await expectTold(() => write('a', 'One'), changed('a', 1));
    const other = path.join(root, '-other');
    const createOther = (): void => {
      mkdirSync(other);
      writeFileSync(path.join(other, 'b.jsonl'), text('b', 'One'));
    };
    await expectTold(createOther, changed('b', 1));
    await expectTold(() => rmSync(other, { recursive: true }), removed('b'));
    const again = (): void => {
      rmSync(project, { recursive: true });
      write('a', 'One', 'Two');
    };
    await expectTold(again, changed('a', 2));
    await expectTold(() => write('a', 'One', 'Two', 'Three'), changed('a', 3));
    await expectTold(() => rmSync(path.join(scratch, 'claude'), { recursive: true }), removed('a'));
    await expectTold(() => write('a', 'One'), changed('a', 1));
    await expectTold(() => write('a', 'One', 'Two'), changed('a', 2));
  });

  it('with the title and the subagents in the folder beside the file', async () => {
    const { expectTold } = watching(system);
    await expectTold(() => write('a', 'One'), changed('a', 1));
    const own = path.join(project, 'a');
    const rename = (title: string) => () => {
      mkdirSync(own, { recursive: true });
      writeFileSync(path.join(own, 'custom-title.json'), JSON.stringify({ customTitle: title }));
    };
    await expectTold(rename('First title'), titled('First title'));
    await expectTold(rename('Second title'), titled('Second title'));
    const agent = path.join(own, 'subagents', 'agent-x.jsonl');
    const start = (): void => {
      mkdirSync(path.dirname(agent));
      writeFileSync(agent, text('a', 'Find all callers'));
    };
    await expectTold(start, subagentOf('a', agent));
    await expectTold(() => appendFileSync(agent, '{}\n'), subagentOf('a', agent));
    await expectTold(() => writeFileSync(agent.replace('.jsonl', '.meta.json'), '{}'), subagentOf('a', agent));
  });
});

it('a subagent of an old version beside its session is told as a change of that session', async () => {
  write('a', 'One');
  write('b', 'One');
  const { expectTold } = watching();
  const agent = path.join(project, 'agent-1234.jsonl');
  await expectTold(() => write('c', 'One'), changed('c', 1));
  await expectTold(() => writeFileSync(agent, text('b', 'Find all callers')), subagentOf('b', agent));
  await expectTold(() => appendFileSync(agent, '{}\n'), subagentOf('b', agent));
});

it('what went after the sessions were listed and before they were watched is told', async () => {
  write('went', 'One');
  write('stays', 'One');
  const other = path.join(root, '-home-sam-other');
  mkdirSync(other);
  writeFileSync(path.join(other, 'with-its-folder.jsonl'), text('with-its-folder', 'One'));
  const folders = new SessionFolders([root]);
  await folders.summaries(await folders.files());
  rmSync(at('went'));
  rmSync(other, { recursive: true });
  const { told } = watching(systemWatch, folders);
  await vi.waitFor(() => expect(told.filter(removed('went'))).toHaveLength(1), { timeout: 20_000, interval: 10 });
  await vi.waitFor(() => expect(told.filter(removed('with-its-folder'))).toHaveLength(1), { timeout: 20_000 });
  expect(told.filter(removed('stays'))).toEqual([]);
});

it('what no event told of is found later', async () => {
  write('a', 'One');
  const { expectTold } = watching(silent);
  await expectTold(() => write('b', 'One'), changed('b', 1));
  await expectTold(() => write('b', 'One', 'Two'), changed('b', 2));
  await expectTold(() => rmSync(at('a')), removed('a'));
  const again = (): void => {
    rmSync(project, { recursive: true });
    write('b', 'One', 'Two', 'Three');
  };
  await expectTold(again, changed('b', 3));
});

it('what happens while the watch begins is told, and what was there before is not', async () => {
  write('old', 'One');
  utimesSync(at('old'), 1_700_000_000, 1_700_000_000);
  const { told, expectTold } = watching();
  await expectTold(() => write('new', 'One'), changed('new', 1));
  await expectTold(() => write('last', 'One'), changed('last', 1));
  expect(told.every((change) => change.kind === 'changed' && change.session.sessionId !== 'old')).toBe(true);
});

it('a file that grows costs a look at that file, however many lie beside it', async () => {
  for (let index = 0; index < 200; index++) write(`s${index}`, 'One');
  const folders = new SessionFolders([root]);
  await folders.summaries(await folders.files());
  const looks = vi.spyOn(folders, 'stampNow');
  const { expectTold } = watching(systemWatch, folders);
  await vi.waitFor(() => expect(new Set(looks.mock.calls.map(([file]) => file)).size).toBe(200));
  looks.mockClear();
  const read = vi.spyOn(folders, 'summary');
  const lists = vi.spyOn(folders, 'filesIn');
  await expectTold(() => write('s7', 'One', 'Two'), changed('s7', 2));
  expect(new Set(read.mock.calls.map(([file]) => file))).toEqual(new Set([at('s7')]));
  // The sweep may come in between: it looks at the sessions that changed last, of which there are never more than 32.
  expect(new Set(looks.mock.calls.map(([file]) => file)).size).toBeLessThanOrEqual(33);
  expect(lists.mock.calls.length > 0).toBe(!(await reportsChanges(root)));
});

it('one watch serves all who listen, and ends with the last of them', async () => {
  write('a', 'One');
  let open = 0;
  const counting: WatchSystem = (folder, options, listener) => {
    open += 1;
    const watcher = systemWatch(folder, options, listener);
    const close = watcher.close.bind(watcher);
    watcher.close = () => {
      open -= 1;
      close();
    };
    return watcher;
  };
  const first = watching(counting);
  await first.expectTold(() => write('a', 'One', 'Two'), changed('a', 2));
  const before = open;
  const second = watching(counting, first.folders);
  await second.expectTold(() => write('a', 'One', 'Two', 'Three'), changed('a', 3));
  expect(first.told.some(changed('a', 3))).toBe(true);
  // Where the machine's temporary folder is a remote one nothing is watched, all is polled.
  expect([before > 0, open]).toEqual([await reportsChanges(root), before]);
  first.watch.dispose();
  await second.expectTold(() => write('a', 'One'), changed('a', 1));
  second.watch.dispose();
  expect(open).toBe(0);
});
