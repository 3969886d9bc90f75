import type { ReceivedRequest, Reply, ReplyBlock } from '../messagesApi.ts';
import { allowTools, type Scenario, sessionOf } from '../stage.ts';

/** The prompt that a conversation began with. */
function firstPrompt(request: ReceivedRequest): string {
  return JSON.stringify(request.body.messages[0]);
}

/** How many replies the conversation holds already. */
function repliesIn(request: ReceivedRequest): number {
  return request.body.messages.filter((message: { role: string }) => message.role === 'assistant').length;
}

function startAgent(request: ReceivedRequest, prompt: string, more: Record<string, unknown> = {}): ReplyBlock {
  const tool = request.body.tools.find(({ name }: { name: string }) => name === 'Agent' || name === 'Task');
  const input = {
    description: `Agent for: ${prompt}`,
    prompt,
    subagent_type: 'general-purpose',
    run_in_background: false,
    ...more,
  };
  return { type: 'tool_use', name: tool.name, input };
}

/** What each conversation is answered, by the words of its first prompt; the n-th entry is its n-th reply, the last one any further. */
type Conversations = Record<string, ((request: ReceivedRequest) => Reply)[]>;

function byConversation(conversations: Conversations): (request: ReceivedRequest) => Reply | undefined {
  return (request) => {
    const words = Object.keys(conversations).find((key) => firstPrompt(request).includes(key));
    const replies = words === undefined ? [] : (conversations[words] ?? []);
    return replies[Math.min(repliesIn(request), replies.length - 1)]?.(request);
  };
}

const parallelAgents: Scenario = {
  name: 'parallel-agents',
  async run({ claude, answer, write, cwd }) {
    await write('a.txt', 'alpha\n');
    await write('b.txt', 'beta\n');
    const read = (name: string) => (): Reply => ({
      content: [{ type: 'tool_use', name: 'Read', input: { file_path: `${cwd}/${name}` } }],
    });
    answer(
      byConversation({
        'Ask two at once.': [
          (request) => ({
            content: [
              { type: 'text', text: 'Two agents.' },
              startAgent(request, 'Read the first file'),
              startAgent(request, 'Read the second file', { model: 'haiku' }),
            ],
          }),
          () => 'Alpha and beta, they say.',
          () => 'Gladly.',
        ],
        'Read the first file': [read('a.txt'), () => 'It says alpha.'],
        'Read the second file': [read('b.txt'), () => 'It says beta.'],
      }),
    );
    await claude(['-p', 'Ask two at once.', '--session-id', sessionOf(20), ...allowTools]);
    await claude(['-p', 'Thanks to both.', '--resume', sessionOf(20), ...allowTools]);
  },
};

const nestedAgents: Scenario = {
  name: 'nested-agents',
  async run({ claude, answer }) {
    answer(
      byConversation({
        'Delegate this.': [
          (request) => ({ content: [startAgent(request, 'Outer errand')] }),
          () => 'The outer agent is done.',
        ],
        'Outer errand': [
          (request) => ({
            content: [{ type: 'text', text: 'I delegate further.' }, startAgent(request, 'Inner errand')],
          }),
          () => 'The inner agent is done.',
        ],
        'Inner errand': [
          () => ({ content: [{ type: 'tool_use', name: 'Bash', input: { command: 'echo inner' } }] }),
          () => 'It printed inner.',
        ],
      }),
    );
    await claude(['-p', 'Delegate this.', '--session-id', sessionOf(21), ...allowTools]);
  },
};

const backgroundAgent: Scenario = {
  name: 'background-agent',
  async run({ claude, answer }) {
    answer(
      byConversation({
        'Start it behind.': [
          (request) => ({ content: [startAgent(request, 'Errand in the background', { run_in_background: true })] }),
          () => 'It runs now.',
          () => 'It came back.',
        ],
        'Errand in the background': [
          () => ({ content: [{ type: 'tool_use', name: 'Bash', input: { command: 'echo behind' } }] }),
          () => 'Done in the background.',
        ],
      }),
    );
    await claude(['-p', 'Start it behind.', '--session-id', sessionOf(22), ...allowTools]);
  },
};

/** Subagents beside one another, below one another and in the background. */
export const subagentScenarios: Scenario[] = [parallelAgents, nestedAgents, backgroundAgent];
