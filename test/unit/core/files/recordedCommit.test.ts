import { describe, expect, it } from 'vitest';
import { commitIn } from '../../../../src/core/files/recordedCommit.ts';
import { FileSession } from '../../../support/fileSession.ts';

describe('the commit that a command says is checked out', () => {
  it.each([
    ['[main 1a2b3c4] Fix it\n 1 file changed', '1a2b3c4'],
    ['x\n[main (root-commit) 1a2b3c4] Start', '1a2b3c4'],
    ['[detached HEAD 1a2b3c4d5e] Try', '1a2b3c4d5e'],
    ['[feature/x.y 1a2b3c4] One\n[feature/x.y 2b3c4d5] Two', '2b3c4d5'],
    ['[main 2b3c4d5] Two\nHEAD is now at 1a2b3c4 One', '1a2b3c4'],
    ['Updating 1a2b3c4..2b3c4d5\nFast-forward', '2b3c4d5'],
    ['say [main 1a2b3c4] in a line, [a b c] or [1/4] Fetching', null],
    ['', null],
  ])('in %j is %s', (output, commit) => {
    expect(commitIn(output)).toBe(commit);
  });
});

describe('the commit of a moment', () => {
  function stage() {
    const session = new FileSession();
    session.prompt('One');
    session.gitStatus('(clean)', '0000aaa');
    const [call] = session.call('Read', null, { content: '[main 9999999] not git' });
    const [, committed] = session.call(
      'Bash',
      { stdout: '' },
      { content: [{ type: 'text', text: '[main 1111bbb] Work' }] },
    );
    const [, last] = session.call('Bash', { stdout: '' }, { content: '[main 2222ccc] More' });
    session.say();
    session.prompt('Two');
    session.say();
    return { session, call, committed, last };
  }

  it('is the last one that git told of before it', () => {
    const { session, call, committed, last } = stage();
    const made = (...asked: Parameters<FileSession['commitAt']>) => session.commitAt(...asked).made;
    expect(session.commitAt(1, 'before')).toMatchObject({ made: null, start: '0000aaa' });
    expect(made(1, 'after', { kind: 'before', uuid: call })).toBe(null);
    expect(made(1, 'after', { kind: 'after', uuid: committed })).toBe('1111bbb');
    expect(made(1, 'after', { kind: 'after', uuid: last })).toBe('2222ccc');
    expect(made(1, 'after')).toBe('2222ccc');
    expect(made(2, 'before')).toBe('2222ccc');
  });

  it('has the time of the prompt, or of what is last kept', () => {
    const { session, committed } = stage();
    const { entries } = session.transcript.parsed();
    const timeOf = (uuid: string) => entries.find((entry) => entry.uuid === uuid)?.timestamp;
    const turns = session.transcript.tree().session.turns;
    expect(session.commitAt(2, 'before').at).toBe(turns[1]?.at);
    expect(session.commitAt(1, 'after', { kind: 'after', uuid: committed }).at).toBe(timeOf(committed));
  });
});
