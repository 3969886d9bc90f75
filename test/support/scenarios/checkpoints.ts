import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Reply, ReplyBlock } from '../messagesApi.ts';
import { allowTools, type Scenario, type Stage, sessionOf } from '../stage.ts';

const withCheckpoints = { CLAUDE_CODE_ENABLE_SDK_FILE_CHECKPOINTING: '1' };

/** Contents of the files in the scenario's folder, by name, as base64: the checkpoints are compared with them byte by byte. */
type FolderState = Record<string, string>;

async function folderState(cwd: string): Promise<FolderState> {
  const files = (await readdir(cwd, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const state: FolderState = {};
  for (const entry of files) {
    const path = join(entry.parentPath, entry.name);
    if (!path.includes('/.git/')) state[path.slice(cwd.length + 1)] = (await readFile(path)).toString('base64');
  }
  return state;
}

/** One prompt, the tool calls that it leads to (one reply each), and the closing reply. */
interface Errand {
  prompt: string;
  calls: ReplyBlock[];
  /** Changes that nobody asked Claude Code for, made before the prompt. */
  before?: (stage: Stage) => Promise<void>;
}

function errands(cwd: string): Errand[] {
  const call = (name: string, input: Record<string, unknown>): ReplyBlock => ({ type: 'tool_use', name, input });
  const read = (name: string): ReplyBlock => call('Read', { file_path: `${cwd}/${name}` });
  const edit = (name: string, from: string, to: string): ReplyBlock =>
    call('Edit', { file_path: `${cwd}/${name}`, old_string: from, new_string: to });
  const write = (name: string, content: string): ReplyBlock => call('Write', { file_path: `${cwd}/${name}`, content });
  return [
    {
      prompt: 'Edit what is there.',
      calls: [
        ...['windows.txt', 'plain.txt', 'bom.txt'].map(read),
        edit('windows.txt', 'two', 'zwei'),
        edit('plain.txt', 'last', 'end'),
        edit('bom.txt', 'marked', 'still marked'),
        write('src/created.txt', 'created by a tool\n'),
      ],
    },
    {
      prompt: 'Change it with the shell.',
      calls: [call('Bash', { command: 'echo shell >> plain.txt; echo made > shell-made.txt; rm doomed.txt' })],
    },
    {
      prompt: 'Edit once more and delete.',
      calls: [
        read('plain.txt'),
        edit('plain.txt', 'shell', 'shell, edited'),
        call('Bash', { command: 'rm src/created.txt' }),
      ],
    },
    {
      prompt: 'Create it anew.',
      before: ({ write: put }) => put('plain.txt', 'by hand\n'),
      calls: [
        write('src/created.txt', 'created again\n'),
        read('shell-made.txt'),
        write('shell-made.txt', 'overwritten\n'),
      ],
    },
    { prompt: 'Just talk.', calls: [] },
  ];
}

async function playErrands(stage: Stage, sessionId: string, env: Record<string, string>): Promise<void> {
  const { claude, reply, write, cwd, note } = stage;
  await write('windows.txt', 'one\r\ntwo\r\nthree\r\n');
  await write('plain.txt', 'first\nlast');
  await write('bom.txt', '\uFEFFmarked\n');
  await write('doomed.txt', 'to be deleted\n');
  const states: { prompt: string; before: FolderState; after: FolderState }[] = [];
  for (const [at, errand] of errands(cwd).entries()) {
    await errand.before?.(stage);
    const before = await folderState(cwd);
    reply(...errand.calls.map((block): Reply => ({ content: [block] })), `Done: ${errand.prompt}`);
    const place = at === 0 ? ['--session-id', sessionId] : ['--resume', sessionId];
    await claude(['-p', errand.prompt, ...place, ...allowTools], { env });
    states.push({ prompt: errand.prompt, before, after: await folderState(cwd) });
  }
  note('states', states);
}

const checkpointsOn: Scenario = {
  name: 'checkpoints',
  async run(stage) {
    await playErrands(stage, sessionOf(30), withCheckpoints);
    stage.reply('In the fork.');
    const fork = ['--resume', sessionOf(30), '--fork-session', '--session-id', sessionOf(31)];
    await stage.claude(['-p', 'Fork it.', ...fork, ...allowTools], { env: withCheckpoints });
  },
};

const checkpointsOff: Scenario = {
  name: 'checkpoints-off',
  run: (stage) => playErrands(stage, sessionOf(32), {}),
};

/** The same in a git repository, so that the state before the session is a commit. */
const checkpointsInGit: Scenario = {
  name: 'checkpoints-off-git',
  async run(stage) {
    const { git, write } = stage;
    await write('windows.txt', 'one\r\ntwo\r\nthree\r\n');
    await write('plain.txt', 'first\nlast');
    await write('bom.txt', '\uFEFFmarked\n');
    await write('doomed.txt', 'to be deleted\n');
    await git('init', '-q', '-b', 'main');
    await git('add', '.');
    await git('commit', '-q', '-m', 'Start');
    stage.note('commit', await git('rev-parse', 'HEAD'));
    await playErrands(stage, sessionOf(33), {});
  },
};

/** Edits over several prompts, with Claude Code's own copies of the files and without; `notes.states` says what was on disk. */
export const checkpointScenarios: Scenario[] = [checkpointsOn, checkpointsOff, checkpointsInGit];
