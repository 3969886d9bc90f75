import { existsSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { allowTools, type Scenario, sessionOf, streamed, userLine } from '../stage.ts';

const models: Scenario = {
  name: 'models',
  async run({ claude, reply }) {
    const id = sessionOf(50);
    reply('From the default.', 'From Haiku.', 'With little effort.', 'With much effort.');
    await claude(['-p', 'Who are you?', '--session-id', id]);
    await claude(['-p', 'And now?', '--resume', id, '--model', 'claude-haiku-4-5']);
    await claude(['-p', 'Easily?', '--resume', id, '--model', 'claude-opus-4-5', '--effort', 'low']);
    await claude(['-p', 'Thoroughly?', '--resume', id, '--model', 'claude-opus-4-5', '--effort', 'high']);
  },
};

/** Replies that end before they are whole: Claude Code asks for the rest, or once more. */
const torn: Scenario = {
  name: 'torn',
  async run({ claude, reply }) {
    const id = sessionOf(51);
    reply({ content: 'I would rather not', stopReason: 'refusal' }, 'So I answer.');
    await claude(['-p', 'Something odd', '--session-id', id]);
    reply({ content: 'Torn in', deltas: 4, endAfter: 2, ending: 'destroy' }, 'Whole at the second try.');
    await claude(['-p', 'Torn', '--resume', id]);
    reply(
      { content: 'Broken off', deltas: 2, ending: { errorType: 'overloaded_error', message: 'Overloaded' } },
      'Whole again.',
    );
    await claude(['-p', 'Broken', '--resume', id]);
  },
};

/** A tool that is stopped while it runs: its result is written by the process that resumes. */
const stoppedTool: Scenario = {
  name: 'stopped-tool',
  async run({ claude, reply, api, write, cwd }) {
    const id = sessionOf(61);
    await write('empty.txt', '');
    reply({
      content: [
        { type: 'text', text: 'I watch the file.' },
        { type: 'tool_use', name: 'Bash', input: { command: 'echo started > mark.txt; tail -f empty.txt' } },
      ],
    });
    const running = api.received(1).then(async (request) => {
      await request.done;
      while (!existsSync(join(cwd, 'mark.txt'))) await new Promise((resolve) => setTimeout(resolve, 20));
    });
    await claude(['-p', 'Watch it', '--session-id', id, ...allowTools], { interrupt: running });
    reply('After the stopped tool.');
    await claude(['-p', 'Go on', '--resume', id]);
  },
};

const cutOff: Scenario = {
  name: 'cut-off',
  async run({ claude, answer }) {
    const cut = { content: 'This is too long for', stopReason: 'max_tokens' };
    answer((request) => (request.body.messages.length > 8 ? 'And that is all.' : cut));
    await claude(['-p', 'A long text, please', '--session-id', sessionOf(52)]);
  },
};

const spilled: Scenario = {
  name: 'spilled',
  async run({ claude, reply }) {
    reply(
      {
        content: [{ type: 'tool_use', name: 'Bash', input: { command: 'seq 1 20000', description: 'Count far' } }],
      },
      'It counted to twenty thousand.',
    );
    await claude(['-p', 'Count', '--session-id', sessionOf(53), ...allowTools]);
  },
};

const thinking: Scenario = {
  name: 'thinking',
  async run({ claude, reply }) {
    reply(
      {
        content: [
          { type: 'thinking', thinking: 'Let me look.', signature: 'c2lnbmF0dXJl' },
          { type: 'redacted_thinking', data: 'aGlkZGVu' },
          { type: 'text', text: 'I look.' },
          { type: 'tool_use', name: 'Bash', input: { command: 'echo thought' } },
        ],
      },
      {
        content: [
          { type: 'thinking', thinking: 'So.', signature: 'bW9yZQ==' },
          { type: 'text', text: 'Thought over.' },
        ],
      },
      'Plainly.',
    );
    await claude(['-p', 'Think', '--session-id', sessionOf(54), ...allowTools]);
    await claude(['-p', 'Again', '--resume', sessionOf(54), '--model', 'claude-haiku-4-5']);
  },
};

const hooked: Scenario = {
  name: 'hooked',
  async run({ claude, reply, write, cwd }) {
    const script = join(cwd, 'say.sh');
    await write('say.sh', '#!/bin/sh\necho "The hook for $1 was here."\n');
    await chmod(script, 0o755);
    const hook = (event: string) => [{ hooks: [{ type: 'command', command: `${script} ${event}` }] }];
    const blocking = [
      { matcher: 'Bash', hooks: [{ type: 'command', command: 'echo "Not this command." >&2; exit 2' }] },
    ];
    await write(
      '.claude/settings.json',
      JSON.stringify({
        hooks: {
          SessionStart: hook('start'),
          UserPromptSubmit: hook('prompt'),
          PreToolUse: blocking,
          Stop: hook('stop'),
        },
      }),
    );
    await write('.claude/commands/greet.md', '---\ndescription: Greets\n---\nGreet $ARGUMENTS in one word.\n');
    reply({ content: [{ type: 'tool_use', name: 'Bash', input: { command: 'echo no' } }] }, 'It was blocked.');
    await claude(['-p', 'Run it', '--session-id', sessionOf(55), ...allowTools]);
    reply('Hello!');
    await claude(['-p', '/greet the world', '--resume', sessionOf(55), ...allowTools]);
    await claude(['-p', '/cost', '--resume', sessionOf(55)]);
    reply('Fine.');
    await claude(['-p', 'How was it?', '--resume', sessionOf(55)]);
  },
};

const planned: Scenario = {
  name: 'planned',
  async run({ claude, reply, claudeDir }) {
    reply(
      {
        content: [
          { type: 'tool_use', name: 'Write', input: { file_path: `${claudeDir}/plans/p.md`, content: 'Plan\n' } },
        ],
      },
      { content: [{ type: 'tool_use', name: 'ExitPlanMode', input: { plan: '1. Do it.' } }] },
      'That was the plan.',
    );
    await claude(['-p', 'Plan it', '--session-id', sessionOf(56), '--permission-mode', 'plan']);
    reply('Now I do it.');
    await claude(['-p', 'Do it', '--resume', sessionOf(56), ...allowTools]);
  },
};

/** The request log switched off for one process of three. */
const unlogged: Scenario = {
  name: 'unlogged',
  async run({ claude, reply }) {
    const id = sessionOf(57);
    reply('Logged.', 'Not logged.', 'Logged again.');
    await claude(['-p', 'One', '--session-id', id]);
    await claude(['-p', 'Two', '--resume', id], { env: { CLAUDE_CODE_ELEGANT_MEADOW: '0' } });
    await claude(['-p', 'Three', '--resume', id]);
  },
};

/** Fields of the request that the log leaves out. */
const withheld: Scenario = {
  name: 'withheld',
  async run({ claude, reply }) {
    const id = sessionOf(58);
    reply('With more.', 'Without.');
    await claude(['-p', 'With a field more', '--session-id', id], {
      env: { CLAUDE_CODE_EXTRA_BODY: JSON.stringify({ service_tier: 'standard_only' }) },
    });
    await claude(['-p', 'Without it', '--resume', id]);
  },
};

/** The request log of a version that has it, but not by itself. */
const logged: Scenario = {
  name: 'logged',
  async run({ claude, reply, write, cwd }) {
    const id = sessionOf(59);
    const env = { CLAUDE_CODE_ELEGANT_MEADOW: '1' };
    await write('a.txt', 'alpha\n');
    reply(
      {
        content: [
          { type: 'tool_use', name: 'Read', input: { file_path: `${cwd}/a.txt` } },
          { type: 'tool_use', name: 'Bash', input: { command: 'echo 1' } },
        ],
      },
      'Alpha.',
      'Again.',
    );
    await claude(['-p', 'Read it', '--session-id', id, ...allowTools], { env });
    await claude(['-p', 'Once more', '--resume', id, ...allowTools], { env });
  },
};

/** Messages that came while the model was still at work. */
const queued: Scenario = {
  name: 'queued',
  async run({ claude, answer }) {
    answer((request) => {
      const asked = JSON.stringify(request.body.messages);
      if (!asked.includes('tool_result'))
        return { content: [{ type: 'tool_use', name: 'Bash', input: { command: 'sleep 1; echo slept' } }] };
      return 'Slept, and read what came meanwhile.';
    });
    const stdin = ['Sleep a little', 'And do not forget this', 'Nor this'].map(userLine).join('');
    await claude(['-p', '--session-id', sessionOf(60), ...streamed, ...allowTools], { stdin });
  },
};

/** Ways a session is set, stopped and fed. */
export const settingsScenarios: Scenario[] = [
  models,
  torn,
  stoppedTool,
  cutOff,
  spilled,
  thinking,
  hooked,
  planned,
  unlogged,
  withheld,
  queued,
];

export const switchedOnScenarios: Scenario[] = [logged];
