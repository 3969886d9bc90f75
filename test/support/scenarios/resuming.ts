import { allowTools, type Scenario, sessionOf, streamed, userLine } from '../stage.ts';

/** Two processes that live at the same time and append to one session: the first goes on from what it knows. */
const twoProcesses: Scenario = {
  name: 'two-processes',
  async run({ claude, answer, recorded }) {
    const id = sessionOf(40);
    const secondIsDone = Promise.withResolvers<void>();
    answer((request) => {
      const said = ['Afterwards', 'The first again', 'Question of the second', 'Question of the first', 'Common'];
      const words = said.find((text) => JSON.stringify(request.body.messages).includes(text));
      return words === undefined ? undefined : `Answer to: ${words}`;
    });
    await claude(['-p', 'Common question', '--session-id', id]);
    async function* firstSays(): AsyncGenerator<string> {
      yield userLine('Question of the first process');
      await secondIsDone.promise;
      yield userLine('The first again');
    }
    const first = claude(['-p', '--resume', id, ...streamed], { stdin: firstSays() });
    await recorded(id, 'Answer to: Question of the first');
    await claude(['-p', 'Question of the second process', '--resume', id]);
    secondIsDone.resolve();
    await first;
    await claude(['-p', 'Afterwards', '--resume', id]);
  },
};

/** Forks at an earlier message, across a compaction, and of a fork. */
const forks: Scenario = {
  name: 'forks',
  async run({ claude, reply, lines }) {
    const [origin, early, late, second] = [41, 42, 43, 44].map(sessionOf) as [string, string, string, string];
    const fork = (from: string, to: string): string[] => ['--resume', from, '--fork-session', '--session-id', to];
    reply('One.', 'Two.', '<summary>One and two were said.</summary>', 'Three.');
    await claude(['-p', 'Ask one', '--session-id', origin]);
    await claude(['-p', 'Ask two', '--resume', origin]);
    await claude(['-p', '/compact', '--resume', origin]);
    await claude(['-p', 'Ask three', '--resume', origin]);
    reply('Late fork.', 'Fork of the fork.');
    await claude(['-p', 'Ask in the late fork', ...fork(origin, late)]);
    await claude(['-p', 'Ask in the fork of the fork', ...fork(late, second)]);
    reply('Early, one.', 'Early, two.', 'Early fork.');
    await claude(['-p', 'Begin early', '--session-id', early]);
    await claude(['-p', 'Go on early', '--resume', early]);
    const at = (await lines(early)).find((line) => line.type === 'assistant');
    await claude([
      '-p',
      'Ask in the early fork',
      ...fork(early, sessionOf(45)),
      '--resume-session-at',
      String(at?.uuid),
    ]);
  },
};

/** Forks that the Agent SDK writes: new uuids that name the old ones. */
const sdkForks: Scenario = {
  name: 'sdk-forks',
  async run({ claude, reply, lines, sdkFork, note }) {
    const id = sessionOf(49);
    reply('One.', 'Two.', 'In the whole fork.', 'In the part.');
    await claude(['-p', 'Ask one', '--session-id', id]);
    await claude(['-p', 'Ask two', '--resume', id]);
    const first = (await lines(id)).find((line) => line.type === 'assistant');
    const whole = await sdkFork(id);
    const part = await sdkFork(id, String(first?.uuid));
    await claude(['-p', 'Ask in the whole fork', '--resume', whole]);
    await claude(['-p', 'Ask in the part', '--resume', part]);
    note('forks', { whole, part, cut: first?.uuid });
  },
};

/** A session that starts in the main checkout, another in a worktree of it, and one that changes its folder. */
const worktrees: Scenario = {
  name: 'worktrees',
  async run({ claude, reply, write, git, cwd }) {
    await write('readme.txt', 'A repository\n');
    await git('init', '-q', '-b', 'main');
    await git('add', '.');
    await git('commit', '-q', '-m', 'Start');
    await git('worktree', 'add', '-q', '-b', 'side', `${cwd}/../side-tree`);
    const [main, side, moving] = [46, 47, 48].map(sessionOf) as [string, string, string];
    reply('In the main checkout.', 'In the worktree.');
    await claude(['-p', 'Where am I?', '--session-id', main]);
    await claude(['-p', 'Where is this?', '--session-id', side], { cwd: `${cwd}/../side-tree` });
    await write('deep/down/file.txt', 'deep\n');
    reply({ content: [{ type: 'tool_use', name: 'Bash', input: { command: 'cd deep/down && pwd' } }] }, 'Moved.');
    await claude(['-p', 'Go down.', '--session-id', moving, ...allowTools]);
    reply('Elsewhere.');
    await claude(['-p', 'And from here?', '--resume', moving, ...allowTools], { cwd: `${cwd}/deep` });
  },
};

/** Sessions that several processes, forks and folders share. */
export const resumingScenarios: Scenario[] = [twoProcesses, forks, sdkForks, worktrees];
