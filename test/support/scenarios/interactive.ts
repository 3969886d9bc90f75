import type { ReceivedRequest, Reply } from '../messagesApi.ts';
import { type Scenario, sessionOf } from '../stage.ts';

const enter = '\r';
const escape = '\x1b';
const up = '\x1b[A';
/** Ctrl+U */
const clearLine = '\x15';

/** What the person said last, without what Claude Code put beside it. */
function lastUserText(request: ReceivedRequest): string {
  return JSON.stringify(request.body.messages.filter((message: { role: string }) => message.role === 'user').at(-1));
}

const typed: Scenario = {
  name: 'typed',
  async run({ terminal, answer, api, recorded }) {
    const id = sessionOf(70);
    const slow = Promise.withResolvers<void>();
    const replies: [string, Reply][] = [
      ['First typed question', 'First typed answer.'],
      ['from the shell', 'The shell spoke.'],
      ['Second typed question', { content: 'Second typed answer.', before: slow.promise }],
      ['Queued meanwhile', 'Queued answer.'],
      ['After the rewind', 'Answer on the new way.'],
      ['Tell a long story', { content: 'Once upon a time there was no end.', deltas: 8, endAfter: 5, ending: 'hang' }],
    ];
    answer((request) => replies.find(([words]) => lastUserText(request).includes(words))?.[1]);
    const shell = await terminal(['--session-id', id]);
    await shell.shows(/effort/);
    await shell.say('First typed question');
    await recorded(id, 'First typed answer.');
    await shell.say('!echo from the shell');
    await recorded(id, 'The shell spoke.');
    await shell.say('/rename A title of my own');
    await recorded(id, '"customTitle":"A title of my own"');
    await shell.say('Second typed question');
    await api.received(3);
    await shell.say('Queued meanwhile');
    await shell.settles();
    slow.resolve();
    await recorded(id, 'Queued answer.');
    await shell.settles();
    shell.press(escape + escape);
    await shell.shows(/Rewind/);
    shell.press(up);
    await shell.settles();
    shell.press(enter);
    await shell.shows(/Restoreconversation/);
    shell.press(enter);
    await shell.settles();
    shell.press(clearLine);
    await shell.say('After the rewind');
    await recorded(id, 'Answer on the new way.');
    await shell.say('Tell a long story');
    const story = await api.received(6);
    while (story.chunkTimes.length < 7) await new Promise((resolve) => setTimeout(resolve, 20));
    await shell.settles();
    shell.press(escape);
    // On a busy machine the key may come while what it is pressed in is being drawn anew, and does nothing.
    await recorded(id, '[Request interrupted by user]').catch(() => {
      shell.press(escape);
      return recorded(id, '[Request interrupted by user]');
    });
    await shell.say('/exit');
    await shell.ended;
  },
};

/** A session that the model gave its title. */
const titled: Scenario = {
  name: 'titled',
  async run({ terminal, answer, recorded }) {
    const id = sessionOf(71);
    answer((request) => (lastUserText(request).includes('Please name') ? 'An answer.' : undefined));
    const shell = await terminal(['--session-id', id]);
    await shell.shows(/effort/);
    await shell.say('Please name this session for me');
    await recorded(id, 'An answer.');
    await recorded(id, '"ai-title"');
    await shell.say('/exit');
    await shell.ended;
  },
};

/** Sessions of a person at a terminal. */
export const interactiveScenarios: Scenario[] = [typed];

/** For versions that ask for a title also where only what is needed may be sent. */
export const titleScenarios: Scenario[] = [titled];
