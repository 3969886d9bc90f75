import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotFoundError } from '../../../../src/core/errors.ts';
import { parseTranscript } from '../../../../src/core/session/parseTranscript.ts';
import type { SubagentFile } from '../../../../src/core/session/turnTree.ts';
import { bytes, FileSession, utf16 } from '../../../support/fileSession.ts';
import { type Line, TranscriptBuilder } from '../../../support/transcript.ts';

const folder = '/work/slug';
const a = `${folder}/a.txt`;

/** Three turns: a.txt is edited in the first, changed by the shell in the second, edited in the third. */
function withCopies(): FileSession {
  const session = new FileSession();
  const first = session.prompt('One');
  const [call] = session.edit(a, 'two', 'zwei', { original: 'one\ntwo\n' });
  session.delta(first, call, 'a.txt', session.copy('aa@v1', 'one\r\ntwo\r\n', 0o755));
  session.snapshot(first, {});
  session.say();
  const second = session.prompt('Two');
  session.snapshot(second, { 'a.txt': session.copy('aa@v2', 'one\r\nzwei\r\n', 0o755) });
  session.bash();
  session.say();
  const third = session.prompt('Three');
  session.snapshot(third, { 'a.txt': session.copy('aa@v3', 'one\r\nshell\r\n', 0o755) });
  session.edit(a, 'shell', 'drei', { original: 'one\nshell\n' });
  session.say();
  return session;
}

describe('files at a turn, from copies', () => {
  it('are the very bytes, before and after', async () => {
    const session = withCopies();
    expect(await session.told(1, 'a.txt', 'before')).toBe('exact checkpoint: "one\\r\\ntwo\\r\\n"');
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact checkpoint: "one\\r\\nzwei\\r\\n"');
    expect(await session.told(2, 'a.txt', 'before')).toBe('exact checkpoint: "one\\r\\nzwei\\r\\n"');
    expect(await session.told(3, 'a.txt', 'before')).toBe('exact checkpoint: "one\\r\\nshell\\r\\n"');
    expect(await session.told(3, 'a.txt', 'after')).toBe('exact replay: "one\\r\\ndrei\\r\\n"');
    expect(await session.file(3, 'a.txt')).toMatchObject({ file: a, before: { mode: '755' }, after: { mode: '755' } });
  });

  it('say what the shell changed', async () => {
    const session = withCopies();
    expect(await session.file(2, 'a.txt')).toMatchObject({ changed: true, changedBy: ['shell'] });
    // Somebody outside may have changed it too before the copy was made.
    expect(await session.told(2, 'a.txt', 'after')).toBe('likely checkpoint: "one\\r\\nshell\\r\\n"');
    const { warnings } = await session.at(2);
    expect(warnings).toEqual([expect.stringMatching(/^Shell commands ran in this turn/)]);
    expect((await session.file(2, 'a.txt')).notes).toContain('Changed by shell commands, not recorded.');
    expect((await session.at(1)).warnings).toEqual([]);
  });

  it('tell created, deleted and unchanged files', async () => {
    const session = new FileSession();
    const first = session.prompt();
    const [call] = session.create(`${folder}/new.txt`, 'fresh\n');
    session.delta(first, call, 'new.txt', null);
    session.say();
    const second = session.prompt();
    session.snapshot(second, { 'new.txt': session.copy('bb@v2', 'fresh\n') });
    session.bash();
    session.say();
    const third = session.prompt();
    session.snapshot(third, { 'new.txt': null });
    session.say();
    expect(await session.told(1, 'new.txt', 'before')).toBe('exact checkpoint: none');
    expect(await session.told(1, 'new.txt', 'after')).toBe('exact checkpoint: "fresh\\n"');
    expect(await session.told(2, 'new.txt', 'after')).toBe('likely checkpoint: none');
    expect(await session.file(2, 'new.txt')).toMatchObject({ changed: true, changedBy: ['shell'] });
    expect(await session.file(3, 'new.txt')).toMatchObject({ changed: false, changedBy: [] });
  });

  it('are not taken for what a file was at prompts before a shell command may have made it', async () => {
    const session = new FileSession();
    session.prompt();
    session.bash();
    session.say();
    const second = session.prompt();
    const [call] = session.overwrite(a, 'written\n', { original: 'made\n' });
    session.delta(second, call, 'a.txt', session.copy('aa@v1', 'made\n'));
    session.say();
    expect(await session.told(1, 'a.txt', 'before')).toBe('likely checkpoint: "made\\n"');
    expect(await session.told(2, 'a.txt', 'before')).toBe('exact checkpoint: "made\\n"');
    session.commit = 'abc1234';
    expect(await session.told(1, 'a.txt', 'before')).toBe('likely git: none');
  });

  it('are not exact where somebody changed the file between two turns', async () => {
    const session = new FileSession();
    const first = session.prompt();
    const [call] = session.edit(a, 'one', 'two', { original: 'one\n' });
    session.delta(first, call, 'a.txt', session.copy('aa@v1', 'one\n'));
    session.say();
    session.snapshot(session.prompt(), { 'a.txt': session.copy('aa@v2', 'by hand\n') });
    session.say();
    expect(await session.told(1, 'a.txt', 'after')).toBe('likely replay: "two\\n"');
    expect((await session.file(1, 'a.txt')).notes.join(' ')).toContain('somebody changed it in between');
    expect(await session.told(2, 'a.txt', 'before')).toBe('exact checkpoint: "by hand\\n"');
  });

  it('are found by a replay where a copy is gone', async () => {
    const session = withCopies();
    session.copies.delete('aa@v2');
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact replay: "one\\r\\nzwei\\r\\n"');
    expect((await session.file(1, 'a.txt')).notes.join(' ')).toContain('can’t be read any more');
    session.copies.clear();
    expect(await session.told(1, 'a.txt', 'after')).toBe('likely replay: "one\\nzwei\\n"');
    expect((await session.file(2, 'a.txt')).after).toMatchObject({ certainty: 'likely' });
  });

  it('of old versions, which copied text, are not believed where bytes were lost', async () => {
    const session = new FileSession();
    const first = session.prompt();
    const [call] = session.edit(a, 'world', 'welt', { original: '\uFEFFhello\nworld\n' });
    session.delta(first, call, 'a.txt', session.copy('aa@v1', new TextDecoder().decode(utf16('hello\nworld\n'))));
    session.say();
    expect((await session.file(1, 'a.txt')).before).toMatchObject({ certainty: 'likely' });
    session.commit = 'abc1234';
    session.committed.set(a, utf16('hello\nworld\n'));
    expect(await session.content(1, 'a.txt', 'before')).toEqual(utf16('hello\nworld\n'));
    expect(await session.content(1, 'a.txt', 'after')).toEqual(utf16('hello\nwelt\n'));
  });

  it('are the same whether a turn’s copies were written one by one, restated, or as one record', async () => {
    const told = async (write: (session: FileSession, prompt: string, call: string) => void) => {
      const session = new FileSession();
      const first = session.prompt();
      session.bash();
      const [call] = session.edit(a, 'one', 'two', { original: 'one\n' });
      session.copy('aa@v1', 'one\n');
      write(session, first, call);
      session.say();
      return Promise.all([session.told(1, 'a.txt', 'before'), session.told(1, 'a.txt', 'after')]);
    };
    const backup = { backupFileName: 'aa@v1', version: 1, backupTime: '2026-01-01T10:00:03.000Z' };
    const snapshot = (prompt: string, backups: object) => ({
      snapshot: { messageId: prompt, trackedFileBackups: backups, timestamp: '2026-01-01T10:00:01.000Z' },
    });
    const expected = ['likely checkpoint: "one\\n"', 'exact replay: "two\\n"'];
    const delta = await told((session, prompt, call) => session.delta(prompt, call, 'a.txt', 'aa@v1'));
    const restated = await told((session, prompt, call) => {
      const { transcript } = session;
      transcript.unchained('file-history-snapshot', {
        messageId: prompt,
        ...snapshot(prompt, {}),
        isSnapshotUpdate: false,
      });
      const more = { messageId: call, ...snapshot(prompt, { 'a.txt': backup }), isSnapshotUpdate: true };
      transcript.unchained('file-history-snapshot', more);
    });
    const merged = await told((session, prompt) =>
      session.transcript.unchained('file-history-snapshot', {
        messageId: prompt,
        ...snapshot(prompt, { 'a.txt': backup }),
      }),
    );
    expect([delta, restated, merged]).toEqual([expected, expected, expected]);
  });

  it('mean the file that the call of the copy changed, whatever folder they are relative to', async () => {
    const session = new FileSession('/link/slug');
    const first = session.prompt();
    const [call] = session.edit('/link/slug/sub/a.txt', 'one', 'two', { original: 'one\n' });
    session.delta(first, call, 'sub/a.txt', session.copy('aa@v1', 'one\n'), { realParentDir: '/real/slug/sub' });
    session.say();
    const outside = session.prompt();
    session.snapshot(outside, { '/etc/elsewhere.conf': session.copy('cc@v2', 'x\n') });
    session.say();
    expect((await session.at(1)).files.map(({ path }) => path)).toEqual(['/etc/elsewhere.conf', 'sub/a.txt']);
    expect(await session.told(1, 'sub/a.txt', 'before')).toBe('exact checkpoint: "one\\n"');
  });
});

describe('files at a turn, from recorded edits', () => {
  it('are replayed from the commit that the session began from', async () => {
    const session = new FileSession();
    session.commit = 'abc1234';
    session.committed.set(a, bytes('one\r\ntwo\r\n'));
    session.prompt();
    session.gitStatus('(clean)');
    session.edit(a, 'one', 'eins', { original: 'one\ntwo\n' });
    session.edit(a, 'two', 'zwei');
    session.say();
    expect(await session.told(1, 'a.txt', 'before')).toBe('likely git: "one\\r\\ntwo\\r\\n"');
    expect(await session.told(1, 'a.txt', 'after')).toBe('likely replay: "eins\\r\\nzwei\\r\\n"');
  });

  it('do not begin from a commit that the file differed from', async () => {
    const session = new FileSession();
    session.commit = 'abc1234';
    session.committed.set(a, bytes('committed\n'));
    session.prompt();
    session.gitStatus(' M a.txt\n?? b/');
    session.edit(a, 'dirty', 'clean');
    session.create(`${folder}/b/c.txt`, 'made\n');
    session.say();
    expect(await session.told(1, 'a.txt', 'before')).toBe('unknown');
    expect(await session.told(1, 'a.txt', 'after')).toBe('unknown');
    expect(await session.told(1, 'b/c.txt', 'before')).toBe('exact replay: none');
    expect(await session.told(1, 'b/c.txt', 'after')).toBe('exact replay: "made\\n"');
    expect(await session.file(1, 'a.txt')).toMatchObject({ changed: null, changedBy: ['edit'] });
  });

  it('come from the recorded text where nothing else is left, and are likely then', async () => {
    const session = new FileSession();
    session.prompt();
    session.edit(a, 'two', 'zwei', { original: 'one\ntwo\n' });
    session.say();
    expect(await session.told(1, 'a.txt', 'before')).toBe('likely replay: "one\\ntwo\\n"');
    expect(await session.told(1, 'a.txt', 'after')).toBe('likely replay: "one\\nzwei\\n"');
    expect((await session.file(1, 'a.txt')).notes.join(' ')).toContain('its line ends and encoding are not');
  });

  it('do not take a text that was too long to be recorded for a new file', async () => {
    const session = new FileSession();
    session.prompt();
    session.edit(a, 'two', 'zwei', { original: null });
    session.overwrite(`${folder}/b.txt`, 'whole\n', { original: null });
    session.say();
    expect(await session.told(1, 'a.txt', 'before')).toBe('unknown');
    expect(await session.told(1, 'b.txt', 'before')).toBe('unknown');
    expect(await session.told(1, 'b.txt', 'after')).toBe('likely replay: "whole\\n"');
  });

  it.each<[string, (session: FileSession) => void, string]>([
    ['a shell command', (session) => session.bash(), 'shell commands'],
    ['a hook', (session) => session.attachment({ type: 'hook_success', hookEvent: 'PostToolUse' }), 'hooks'],
    [
      'a tool of an MCP server',
      (session) => void session.call('mcp__files__format', {}),
      'tools that record no changes',
    ],
    ['a subagent without records', (session) => void session.call('Agent', { agentId: 'x' }), 'a subagent'],
    [
      'a change that Claude Code noticed',
      (session) => session.attachment({ type: 'edited_text_file', filename: a }),
      'somebody outside of the session',
    ],
  ])('are only likely after %s', async (_name, happen, said) => {
    const session = new FileSession();
    session.prompt();
    session.create(a, 'one\n');
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact replay: "one\\n"');
    happen(session);
    expect(await session.told(1, 'a.txt', 'after')).toBe('likely replay: "one\\n"');
    expect((await session.file(1, 'a.txt')).notes.join(' ')).toContain(said);
  });

  it('are changed by commands that the person types', async () => {
    const session = new FileSession();
    session.prompt();
    session.create(a, 'one\n');
    session.say();
    session.prompt('<bash-input>make</bash-input>');
    session.prompt('<bash-stdout>made</bash-stdout><bash-stderr></bash-stderr>');
    session.prompt('! is not it');
    session.say();
    expect((await session.at(2)).warnings).toEqual([expect.stringMatching(/^Shell commands ran/)]);
    expect((await session.file(2, 'a.txt')).notes.join(' ')).toContain('shell commands may have changed it');
    expect((await session.at(3)).warnings).toEqual([]);
  });

  it.each(['Read', 'Grep', 'TodoWrite', 'WebFetch'])('stay exact after %s', async (tool) => {
    const session = new FileSession();
    session.prompt();
    session.create(a, 'one\n');
    session.call(tool, {});
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact replay: "one\\n"');
  });

  it('are only likely where a person changed the edit, or the patch says otherwise', async () => {
    const session = new FileSession();
    session.prompt();
    session.create(a, 'say “hi”\n');
    session.create(`${folder}/b.txt`, 'one\n');
    session.edit(a, 'say “hi”', 'say "ho"', {
      patch: [{ oldStart: 1, oldLines: 1, newStart: 1, newLines: 1, lines: ['-say “hi”', '+say “ho”'] }],
    });
    session.edit(`${folder}/b.txt`, 'one', 'two', { more: { userModified: true } });
    session.say();
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact replay: "say “ho”\\n"');
    expect(await session.told(1, 'b.txt', 'after')).toBe('likely replay: "two\\n"');
  });

  it('leave out edits that failed', async () => {
    const session = new FileSession();
    session.prompt();
    session.create(a, 'one\n');
    const result = { filePath: a, oldString: 'one', newString: 'two', originalFile: 'one\n', structuredPatch: [] };
    session.call('Edit', result, { is_error: true });
    session.call('Edit', 'Error: not found', { is_error: true });
    session.say();
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact replay: "one\\n"');
  });

  it('are not believed behind an edit whose result says nothing', async () => {
    const session = new FileSession();
    session.prompt();
    session.create(`${folder}/book.ipynb`, '{}\n');
    session.create(a, 'one\n');
    const input = { notebook_path: `${folder}/book.ipynb` };
    const [call = ''] = session.transcript.reply(null, [{ id: 'nb', name: 'NotebookEdit', input, result: null }]);
    const content = [{ type: 'tool_result', tool_use_id: 'nb', content: 'done' }];
    const result = {
      message: { role: 'user', content },
      toolUseResult: { new_source: 'x' },
      sourceToolAssistantUUID: call,
    };
    session.transcript.chained('user', result, call);
    expect(await session.told(1, 'book.ipynb', 'after')).toBe('likely replay: "{}\\n"');
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact replay: "one\\n"');
  });

  /** A subagent with one call, which is answered by `toolUseResult`. */
  function agentWith(id: string, meta: Line | null, name: string, toolUseResult: Line): SubagentFile {
    const agent = new TranscriptBuilder({ sessionId: id, uuidOf: (serial) => `${id}-${serial}` });
    agent.prompt('Do it');
    const [call = ''] = agent.reply(null, [{ id: `call-of-${id}`, name, result: null }]);
    const content = [{ type: 'tool_result', tool_use_id: `call-of-${id}`, content: 'done' }];
    agent.chained('user', { message: { role: 'user', content }, toolUseResult, sourceToolAssistantUUID: call });
    return { agentId: id, file: `/${id}.jsonl`, meta: meta as SubagentFile['meta'], transcript: agent.parsed() };
  }
  const edited = { filePath: a, oldString: 'one', newString: 'two', originalFile: 'one\n', structuredPatch: [] };

  it('include those of a subagent, at their time', async () => {
    const session = new FileSession();
    session.prompt();
    session.create(a, 'one\n');
    session.call('Agent', { agentId: 'x' });
    session.agents.push(agentWith('x', null, 'Edit', edited));
    session.say();
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact replay: "two\\n"');
    expect((await session.file(1, 'a.txt')).changedBy).toEqual(['edit']);
  });

  it('include those of a subagent that a subagent started', async () => {
    const session = new FileSession();
    session.prompt();
    session.create(a, 'one\n');
    session.call('Agent', { agentId: 'x' });
    session.agents.push(agentWith('y', { toolUseId: 'call-of-x' }, 'Edit', edited));
    session.agents.push(agentWith('x', null, 'Agent', { agentId: 'y' }));
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact replay: "two\\n"');
    session.agents.shift();
    expect(await session.told(1, 'a.txt', 'after')).toBe('likely replay: "one\\n"');
  });

  it('are only likely where a subagent’s file can’t be read', async () => {
    const session = new FileSession();
    session.prompt();
    session.create(a, 'one\n');
    session.call('Agent', { agentId: 'x' });
    session.agents.push({ agentId: 'x', file: '/x.jsonl', meta: null, transcript: parseTranscript(new Uint8Array()) });
    expect(await session.told(1, 'a.txt', 'after')).toBe('likely replay: "one\\n"');
  });

  it.each(['a\0b', '', 'x'.repeat(5000)])('refuse a path that no file can have: %j', async (path) => {
    const session = new FileSession();
    session.prompt();
    session.create(a, 'one\n');
    if (path !== '') session.create(path, 'x');
    session.say();
    const { files, warnings } = await session.at(1);
    expect(files.map((file) => file.path)).toEqual(['a.txt']);
    expect(warnings).toHaveLength(path === '' ? 0 : 1);
  });

  it('show a path out of the folder as what it is', async () => {
    const session = new FileSession();
    session.prompt();
    session.create('../../etc/passwd', 'x');
    session.say();
    expect((await session.at(1)).files).toMatchObject([{ path: '/etc/passwd', file: '/etc/passwd' }]);
  });
});

describe('branches of a session', () => {
  it('have each their own history', async () => {
    const session = new FileSession();
    session.prompt('Start');
    session.create(a, 'start\n');
    const split = session.say();
    session.prompt('Left');
    session.edit(a, 'start', 'left', { original: 'start\n' });
    session.create(`${folder}/left.txt`, 'l');
    session.say();
    session.transcript.goTo(split);
    session.prompt('Right');
    session.edit(a, 'start', 'right', { original: 'start\n' });
    session.say();
    expect(await session.told(2, 'a.txt', 'after')).toMatch(/replay: "left\\n"$/);
    expect(await session.told(3, 'a.txt', 'before')).toBe('likely replay: "start\\n"');
    expect(await session.told(3, 'a.txt', 'after')).toBe('likely replay: "right\\n"');
    expect((await session.at(3)).files.map(({ path }) => path)).toEqual(['a.txt']);
    expect((await session.at(2)).files.map(({ path }) => path)).toEqual(['a.txt', 'left.txt']);
  });

  it('are told from what the disk held, where a copy says so', async () => {
    const session = new FileSession();
    const first = session.prompt('Start');
    const [call] = session.create(a, 'start\n');
    session.delta(first, call, 'a.txt', null);
    const split = session.say();
    session.snapshot(session.prompt('Left'), { 'a.txt': session.copy('aa@v2', 'start\n') });
    session.edit(a, 'start', 'left', { original: 'start\n' });
    session.say();
    session.transcript.goTo(split);
    // The rewind did not put the file back.
    session.snapshot(session.prompt('Right'), { 'a.txt': session.copy('aa@v3', 'left\n') });
    session.say();
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact checkpoint: "start\\n"');
    expect(await session.told(2, 'a.txt', 'after')).toBe('exact replay: "left\\n"');
    expect(await session.told(3, 'a.txt', 'before')).toBe('exact checkpoint: "left\\n"');
  });

  it('that a fork left out are noticed by the copies that they led to', async () => {
    const session = new FileSession();
    const first = session.prompt('Start');
    const [call] = session.edit(a, 'one', 'two', { original: 'one\n' });
    session.delta(first, call, 'a.txt', session.copy('aa@v1', 'one\n'));
    session.say();
    const backups = { 'a.txt': session.copy('aa@v3', 'other\n'), 'other.txt': session.copy('bb@v2', 'other\n') };
    session.snapshot(session.prompt('In the fork'), backups);
    session.say();
    expect(await session.told(1, 'a.txt', 'after')).toBe('exact replay: "two\\n"');
    expect(await session.told(1, 'other.txt', 'after')).toBe('likely checkpoint: "other\\n"');
    expect((await session.file(1, 'other.txt')).notes.join(' ')).toContain('another branch of this session');
    expect(await session.told(2, 'other.txt', 'before')).toBe('exact checkpoint: "other\\n"');
  });
});

describe('a session', () => {
  it('passes on that Claude Code noticed changes that it has no copies of', async () => {
    const session = new FileSession();
    session.snapshot(session.prompt(), {}, { hasUntrackedChanges: true });
    session.say();
    session.prompt();
    session.say();
    expect((await session.at(1)).warnings.join(' ')).toContain('keeps no copies of');
    expect((await session.at(2)).warnings).toEqual([]);
  });

  it('without edits has no files', async () => {
    const session = new FileSession();
    session.prompt();
    session.say();
    expect(await session.at(1)).toMatchObject({ turn: 1, folder, files: [], warnings: [] });
  });

  it('refuses turns and paths that it has not', async () => {
    const session = withCopies();
    await expect(session.at(4)).rejects.toThrow(NotFoundError);
    await expect(session.content(1, '../a.txt', 'before')).rejects.toThrow(NotFoundError);
    await expect(session.content(1, 'a\0.txt', 'before')).rejects.toThrow(NotFoundError);
  });

  it('never fails over what a record holds', async () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const known = fc.constantFrom('a.txt', 'aa@v1', 'u1', 'u2', '/work/slug/a.txt', null, 1, true);
    const fields = [
      'filePath',
      'oldString',
      'newString',
      'content',
      'type',
      'originalFile',
      'structuredPatch',
      'edits',
    ];
    const result = fc.dictionary(fc.constantFrom(...fields), fc.oneof(value, known));
    const snapshot = fc.dictionary(
      fc.constantFrom('messageId', 'trackedFileBackups', 'timestamp'),
      fc.oneof(value, known),
    );
    await fc.assert(
      fc.asyncProperty(result, snapshot, value, async (toolUseResult, more, backup) => {
        const session = withCopies();
        session.call('Edit', toolUseResult);
        session.transcript.unchained('file-history-snapshot', { messageId: 'u1', snapshot: more });
        session.transcript.unchained('file-history-delta', { snapshotMessageId: 'u1', trackingPath: 'a.txt', backup });
        for (const turn of [1, 2, 3]) {
          const { files } = await session.at(turn);
          expect(files.map(({ path }) => path)).toContain('a.txt');
        }
      }),
      { numRuns: 60 },
    );
  });

  it('survives damaged records of copies', async () => {
    const session = withCopies();
    const { transcript } = session;
    transcript.unchained('file-history-snapshot', { messageId: 'u1', snapshot: 7 });
    transcript.unchained('file-history-delta', { trackingPath: {}, backup: null });
    transcript.unchained('file-history-snapshot', {
      messageId: 'nobody',
      snapshot: { messageId: 'nobody', trackedFileBackups: { 'a.txt': 3 } },
    });
    transcript.unchained('file-history-snapshot', {
      messageId: 'u1',
      snapshot: JSON.parse('{"messageId":"u1","trackedFileBackups":{"__proto__":{"backupFileName":"x@v1"}}}'),
    });
    expect((await session.at(1)).files.map(({ path }) => path)).toContain('a.txt');
    expect(({} as Record<string, unknown>)['backupFileName']).toBeUndefined();
  });
});
