import { allowTools, lastSays, type Scenario, sessionOf, streamed, userLine } from './stage.ts';

/** A red square of 8 × 8 pixels. */
export const redPng = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC',
  'base64',
);

const plain: Scenario = {
  name: 'plain',
  async run({ claude, reply }) {
    const id = sessionOf(1);
    reply('Paris is the capital of France.', 'Berlin.', 'Rome, of course.');
    await claude(['-p', 'What is the capital of France?', '--session-id', id]);
    await claude(['-p', 'And of Germany?', '--resume', id]);
    await claude(['-p', 'And of Italy?', '--resume', id]);
  },
};

const tools: Scenario = {
  name: 'tools',
  async run({ claude, reply, cwd }) {
    const file = `${cwd}/notes.txt`;
    reply(
      {
        content: [
          { type: 'thinking', thinking: 'A file is wanted.', signature: 'c2lnbmVk' },
          { type: 'text', text: 'I will write it.' },
          { type: 'tool_use', name: 'Write', input: { file_path: file, content: 'one\ntwo\n' } },
        ],
      },
      { content: [{ type: 'tool_use', name: 'Read', input: { file_path: file } }] },
      {
        content: [
          { type: 'tool_use', name: 'Edit', input: { file_path: file, old_string: 'two', new_string: 'three' } },
        ],
      },
      {
        content: [
          {
            type: 'tool_use',
            name: 'Bash',
            input: { command: 'cat notes.txt; echo é ☃', description: 'Show the file' },
          },
        ],
      },
      'Done: the file now says three.',
      { content: [{ type: 'tool_use', name: 'Read', input: { file_path: `${cwd}/absent.txt` } }] },
      'There is no such file.',
    );
    await claude(['-p', 'Write notes.txt, read it, edit it and show it.', '--session-id', sessionOf(2), ...allowTools]);
    await claude(['-p', 'Read absent.txt', '--resume', sessionOf(2), ...allowTools]);
  },
};

const parallel: Scenario = {
  name: 'parallel',
  async run({ claude, reply, write, cwd }) {
    await write('a.txt', 'alpha\n');
    await write('b.txt', 'beta\n');
    reply(
      {
        content: [
          { type: 'text', text: 'Reading all three at once.' },
          { type: 'tool_use', name: 'Read', input: { file_path: `${cwd}/a.txt` } },
          { type: 'tool_use', name: 'Read', input: { file_path: `${cwd}/b.txt` } },
          {
            type: 'tool_use',
            name: 'Bash',
            input: { command: 'sleep 0.3; wc -l a.txt b.txt', description: 'Count lines' },
          },
        ],
      },
      {
        content: [
          { type: 'text', text: 'Once more.' },
          { type: 'tool_use', name: 'Bash', input: { command: 'echo 1' } },
          { type: 'tool_use', name: 'Bash', input: { command: 'false' } },
        ],
      },
      'Alpha and beta.',
      'You are welcome.',
    );
    await claude(['-p', 'Read a.txt and b.txt and count their lines.', '--session-id', sessionOf(3), ...allowTools]);
    await claude(['-p', 'Thanks!', '--resume', sessionOf(3), ...allowTools]);
  },
};

const forked: Scenario = {
  name: 'forked',
  async run({ claude, reply }) {
    reply('First answer.', 'Second answer.', 'Answer in the fork.', 'One more in the fork.');
    await claude(['-p', 'First question', '--session-id', sessionOf(4)]);
    await claude(['-p', 'Second question', '--resume', sessionOf(4)]);
    await claude([
      '-p',
      'Question in the fork',
      '--resume',
      sessionOf(4),
      '--fork-session',
      '--session-id',
      sessionOf(5),
    ]);
    await claude(['-p', 'Another in the fork', '--resume', sessionOf(5), '--model', 'claude-haiku-4-5']);
  },
};

const image: Scenario = {
  name: 'image',
  async run({ claude, reply, write, cwd }) {
    await write('red.png', redPng);
    reply(
      'A red square.',
      'Still red.',
      { content: [{ type: 'tool_use', name: 'Read', input: { file_path: `${cwd}/red.png` } }] },
      'Red again.',
    );
    const source = { type: 'base64', media_type: 'image/png', data: redPng.toString('base64') };
    await claude(['-p', '--session-id', sessionOf(6), ...streamed], {
      stdin: userLine([
        { type: 'image', source },
        { type: 'text', text: 'What is in this picture?' },
      ]),
    });
    await claude(['-p', 'Look at @red.png again.', '--resume', sessionOf(6), ...allowTools]);
    await claude(['-p', 'Read it with your tool.', '--resume', sessionOf(6), ...allowTools]);
  },
};

const interrupted: Scenario = {
  name: 'interrupted',
  async run({ claude, reply, api }) {
    reply('A first answer.');
    await claude(['-p', 'Say something.', '--session-id', sessionOf(7)]);
    reply({
      content: 'A long story that never reaches its end because somebody stops it.',
      deltas: 8,
      endAfter: 4,
      ending: 'hang',
    });
    const streaming = api.received(2).then(async (request) => {
      while (request.chunkTimes.length < 6) await new Promise((resolve) => setTimeout(resolve, 20));
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    await claude(['-p', 'Tell me a long story.', '--resume', sessionOf(7)], { interrupt: streaming });
    reply('Back again.');
    await claude(['-p', 'Are you still there?', '--resume', sessionOf(7)]);
  },
};

const errors: Scenario = {
  name: 'errors',
  async run({ claude, reply, answer }) {
    reply(
      { status: 529, headers: { 'retry-after': '0' } },
      { status: 429, headers: { 'retry-after': '0' } },
      'Third time lucky.',
    );
    await claude(['-p', 'Try until it works.', '--session-id', sessionOf(8)]);
    // Claude Code answers a 400 by leaving out one beta feature after the other, so it gets as many as it wants.
    answer(() => ({ status: 400, message: 'messages: something is wrong' }));
    await claude(['-p', 'This one is refused.', '--resume', sessionOf(8)]);
    answer(() => undefined);
    reply('Fine now.');
    await claude(['-p', 'And now?', '--resume', sessionOf(8)]);
  },
};

const rewound: Scenario = {
  name: 'rewound',
  async run({ claude, reply, lines }) {
    reply('Answer one.', 'Answer two.', 'Answer three.', 'Answer on the other way.', 'And on.');
    const id = sessionOf(9);
    await claude(['-p', 'Question one', '--session-id', id]);
    await claude(['-p', 'Question two', '--resume', id]);
    await claude(['-p', 'Question three', '--resume', id]);
    const first = (await lines(id)).find((line) => line.type === 'assistant');
    await claude(['-p', 'Question on the other way', '--resume', id, '--resume-session-at', String(first?.uuid)]);
    await claude(['-p', 'Go on', '--resume', id]);
  },
};

const subagent: Scenario = {
  name: 'subagent',
  async run({ claude, answer, write, cwd }) {
    await write('a.txt', 'alpha\n');
    answer((request) => {
      const agentTool = request.body.tools?.find((tool: { name: string }) => ['Agent', 'Task'].includes(tool.name));
      const history = JSON.stringify(request.body.messages);
      if (!history.includes('Have it explored.')) {
        if (!history.includes('tool_result'))
          return { content: [{ type: 'tool_use', name: 'Read', input: { file_path: `${cwd}/a.txt` } }] };
        return 'The explorer found alpha.';
      }
      if (!history.includes('tool_use')) {
        const input = {
          description: 'Explore the folder',
          prompt: 'Look into a.txt',
          subagent_type: 'general-purpose',
        };
        return {
          content: [
            { type: 'text', text: 'I ask an agent.' },
            { type: 'tool_use', name: agentTool.name, input },
          ],
        };
      }
      return lastSays(request, 'Thank you.') ? 'With pleasure.' : 'The agent says alpha.';
    });
    await claude(['-p', 'Have it explored.', '--session-id', sessionOf(10), ...allowTools]);
    await claude(['-p', 'Thank you.', '--resume', sessionOf(10), ...allowTools]);
  },
};

const compacted: Scenario = {
  name: 'compacted',
  async run({ claude, reply }) {
    const id = sessionOf(11);
    reply(
      'Long ago I said this.',
      'And then that.',
      '<summary>The two of us talked about this and that.</summary>',
      'After the compaction.',
      'And further.',
    );
    await claude(['-p', 'Before, one', '--session-id', id]);
    await claude(['-p', 'Before, two', '--resume', id]);
    await claude(['-p', '/compact', '--resume', id]);
    await claude(['-p', 'After, one', '--resume', id]);
    await claude(['-p', 'After, two', '--resume', id]);
  },
};

/** Scenarios that every version can play. */
export const commonScenarios: Scenario[] = [plain, tools, parallel, image, subagent, compacted];

/** Scenarios for the flags and the ways of failing of newer versions. */
export const newerScenarios: Scenario[] = [forked, interrupted, errors, rewound];
