import { allowTools, type Scenario, sessionOf } from '../stage.ts';

/** Begins with a command of the project, is compacted twice, is given a command that only the model answers, and looks for a tool. */
const compactedTwice: Scenario = {
  name: 'compacted-twice',
  async run({ claude, reply, write }) {
    const id = sessionOf(80);
    await write('.claude/commands/tidy-up.md', '---\ndescription: Tidies\n---\nTidy up $ARGUMENTS.\n');
    reply(
      'Tidied.',
      '<summary>The shed was tidied up.</summary>',
      'Between the two.',
      '<summary>The shed again, and the attic.</summary>',
      'I know no such command.',
      { content: [{ type: 'tool_use', name: 'ToolSearch', input: { query: 'select:NotebookEdit' } }] },
      'It was about a shed.',
    );
    await claude(['-p', '/tidy-up the shed', '--session-id', id]);
    await claude(['-p', '/compact', '--resume', id]);
    await claude(['-p', 'And the attic?', '--resume', id]);
    await claude(['-p', '/compact', '--resume', id]);
    await claude(['-p', '/no-such-command', '--resume', id]);
    await claude(['-p', 'What was it about?', '--resume', id]);
  },
};

/** A subagent that is stopped with the turn that started it. */
const stoppedAgent: Scenario = {
  name: 'stopped-agent',
  async run({ claude, answer, api }) {
    const id = sessionOf(81);
    answer(({ body }) => {
      const history = JSON.stringify(body.messages);
      if (history.includes('Is it gone?')) return 'It was stopped.';
      if (!history.includes('Send somebody.'))
        return { content: 'A long search that nobody waits for.', deltas: 8, endAfter: 4, ending: 'hang' };
      const input = {
        description: 'Search it',
        prompt: 'Search the drawer',
        subagent_type: 'general-purpose',
        run_in_background: false,
      };
      return { content: [{ type: 'tool_use', name: 'Agent', input }] };
    });
    const searching = api.received(2).then(async (request) => {
      while (request.chunkTimes.length < 6) await new Promise((resolve) => setTimeout(resolve, 20));
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    await claude(['-p', 'Send somebody.', '--session-id', id, ...allowTools], { interrupt: searching });
    await claude(['-p', 'Is it gone?', '--resume', id]);
  },
};

/** What is done to a session more than once, or left half done. */
export const repeatedScenarios: Scenario[] = [compactedTwice, stoppedAgent];
