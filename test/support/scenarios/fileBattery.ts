import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Reply, ReplyBlock } from '../messagesApi.ts';
import { type Scenario, type Stage, sessionOf } from '../stage.ts';

const withCheckpoints = { CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING: '1' };
const tools = ['--permission-mode', 'acceptEdits', '--allowedTools', 'Bash,Read,Write,Edit,Agent,Task,NotebookEdit'];
const subagentTask = 'Write a file of your own.';

/** A file as it was on disk: `644:` and its bytes as base64. */
export type DiskState = Record<string, string>;

/** What was on disk around a turn, by its prompt. */
export interface TurnOnDisk {
  prompt: string;
  before: DiskState;
  after: DiskState;
}

async function diskState(folder: string): Promise<DiskState> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const state: DiskState = {};
  for (const entry of entries.filter((each) => each.isFile() && !each.parentPath.includes('/.git'))) {
    const path = join(entry.parentPath, entry.name);
    const mode = ((await stat(path)).mode & 0o777).toString(8);
    state[path.slice(folder.length + 1)] = `${mode}:${(await readFile(path)).toString('base64')}`;
  }
  return state;
}

/** What was on disk when each request of a turn came: lower-case hex SHA-256 by path. */
export interface RequestsOnDisk {
  prompt: string;
  requests: Record<string, string>[];
}

function diskHashes(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((each) => each.isFile() && !each.parentPath.includes('/.git'));
  const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  return Object.fromEntries(
    files
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => [path.slice(folder.length + 1), hashOf(path)]),
  );
}

const notebook = {
  cells: [{ cell_type: 'code', id: 'c1', metadata: {}, source: ['print(1)\n'], outputs: [], execution_count: null }],
  metadata: { language_info: { name: 'python' } },
  nbformat: 4,
  nbformat_minor: 5,
};

async function layOut({ write, git, cwd }: Stage): Promise<void> {
  const texts: Record<string, string | Buffer> = {
    'crlf.txt': 'one\r\ntwo\r\nthree\r\n',
    'crlf-whole.txt': 'one\r\ntwo\r\n',
    'mixed.txt': 'one\r\ntwo\nthree\r\n',
    'bom.txt': '\uFEFFalpha\nbeta\n',
    'utf16.txt': Buffer.from('\uFEFFhello\nworld\n', 'utf16le'),
    'utf16-whole.txt': Buffer.from('\uFEFFhello\n', 'utf16le'),
    'no-end.txt': 'first\nlast',
    'tabs.txt': '\ta\n\t\tb & c\n\td\n',
    'quotes.txt': 'say “hi” now\n',
    'delete-line.txt': 'a\nb\nc\n',
    'doomed.txt': 'doomed\n',
    'long.txt': Array.from({ length: 3000 }, (_, line) => `line ${line}\n`).join(''),
    'run.sh': '#!/bin/sh\necho hi\n',
    'sub/dirty.txt': 'committed\n',
    'book.ipynb': `${JSON.stringify(notebook, null, 1)}\n`,
  };
  for (const [name, text] of Object.entries(texts)) await write(name, text);
  await chmod(join(cwd, 'run.sh'), 0o755);
  await git('init', '-q', '-b', 'main');
  await git('add', '-A');
  await git('commit', '-q', '-m', 'Start');
  await write('sub/dirty.txt', 'dirty\n');
}

/** Calls of one turn each, one reply each. */
function turnsOf({ cwd, version }: Stage): Record<string, ReplyBlock[]> {
  const call = (name: string, input: Record<string, unknown>): ReplyBlock => ({ type: 'tool_use', name, input });
  const read = (name: string): ReplyBlock => call('Read', { file_path: join(cwd, name) });
  const edit = (name: string, old_string: string, new_string: string): ReplyBlock[] => [
    read(name),
    call('Edit', { file_path: join(cwd, name), old_string, new_string }),
  ];
  const write = (name: string, content: string): ReplyBlock => call('Write', { file_path: join(cwd, name), content });
  const bash = (command: string): ReplyBlock => call('Bash', { command, description: 'Run it' });
  const agent = version.startsWith('2.0') ? 'Task' : 'Agent';
  return {
    'Edit some.': [
      ...edit('crlf.txt', 'two\nthree', 'zwei\ndrei'),
      ...edit('mixed.txt', 'two', 'zwei'),
      ...edit('no-end.txt', 'last', 'end'),
      read('crlf-whole.txt'),
      write('crlf-whole.txt', 'new\nlines\n'),
      read('utf16-whole.txt'),
      write('utf16-whole.txt', 'ünder\n'),
      write('new.txt', 'fresh\n'),
    ],
    'Use the shell, then edit.': [
      bash('echo shell >> new.txt; echo made > by-shell.txt; rm doomed.txt'),
      ...edit('crlf.txt', 'one', 'eins'),
      ...edit('tabs.txt', 'b & c', 'B & C'),
      ...edit('quotes.txt', 'say "hi" now', 'say "ho" now'),
      ...edit('delete-line.txt', 'b', ''),
      ...edit('utf16.txt', 'world', 'welt'),
    ],
    'Edit what the shell made.': [
      read('by-shell.txt'),
      write('by-shell.txt', 'written\n'),
      ...edit('bom.txt', 'beta', 'b'),
      ...edit('long.txt', 'line 2\n', 'LINE 2\n'),
      read('book.ipynb'),
      call('NotebookEdit', { notebook_path: join(cwd, 'book.ipynb'), cell_id: 'c1', new_source: 'print(2)' }),
    ],
    'Just talk.': [],
    'Delete one.': [bash('rm new.txt')],
    'Let another do it.': [
      call(agent, { description: 'Write', prompt: subagentTask, subagent_type: 'general-purpose' }),
    ],
    'Edit the rest.': [
      ...edit('run.sh', 'hi', 'ho'),
      ...edit('sub/dirty.txt', 'dirty', 'clean'),
      read('long.txt'),
      write('long.txt', `${'y'.repeat(12_000)}\n`),
      write('deep/er/new.txt', 'x'),
    ],
  };
}

/**
 * Edits of files in every form, with the shell between them, a rewind that leaves the files as they are, and a fork.
 * `notes.states` and `notes.requests` say what was on disk, `notes.sessions` which sessions there are: the one, then its fork.
 */
export const fileBattery: Scenario = {
  name: 'file-battery',
  async run(stage) {
    const { claude, answer, cwd, lines, note, version } = stage;
    await layOut(stage);
    const queue: Reply[] = [];
    const requests: RequestsOnDisk[] = [];
    const own = (name: string, content: string): Reply => ({
      content: [{ type: 'tool_use', name: 'Write', input: { file_path: join(cwd, name), content } }],
    });
    answer(({ body }) => {
      // Old versions ask for titles and the like beside the conversation.
      if ((body.tools?.length ?? 0) < 3) return 'Aside.';
      if (JSON.stringify(body.messages[0]).includes(subagentTask))
        return JSON.stringify(body.messages).includes('tool_result') ? 'Written.' : own('by-agent.txt', 'by agent\n');
      requests.at(-1)?.requests.push(diskHashes(cwd));
      return queue.shift() ?? 'Noted.';
    });
    const states: TurnOnDisk[] = [];
    const play = async (prompt: string, calls: ReplyBlock[], place: string[]): Promise<void> => {
      const before = await diskState(cwd);
      requests.push({ prompt, requests: [] });
      queue.splice(0, queue.length, ...calls.map((block): Reply => ({ content: [block] })), `Done: ${prompt}`);
      await claude(['-p', prompt, ...place, ...tools], { env: withCheckpoints });
      states.push({ prompt, before, after: await diskState(cwd) });
    };
    const [id, fork] = [sessionOf(90), sessionOf(91)];
    for (const [at, [prompt, calls]] of Object.entries(turnsOf(stage)).entries())
      await play(prompt, calls, at === 0 ? ['--session-id', id] : ['--resume', id]);
    if (!version.startsWith('2.0')) {
      const edit = (old_string: string, new_string: string): ReplyBlock[] => [
        { type: 'tool_use', name: 'Read', input: { file_path: join(cwd, 'crlf.txt') } },
        { type: 'tool_use', name: 'Edit', input: { file_path: join(cwd, 'crlf.txt'), old_string, new_string } },
      ];
      const talk = (await lines(id)).find((line) => JSON.stringify(line['message'] ?? '').includes('Done: Edit what'));
      await play('Go back.', edit('drei', 'trois'), ['--resume', id, '--resume-session-at', String(talk?.['uuid'])]);
      await play('Fork.', edit('trois', 'tres'), ['--resume', id, '--fork-session', '--session-id', fork]);
      note('sessions', [id, fork]);
    } else note('sessions', [id]);
    note('states', states);
    note('requests', requests);
  },
};
