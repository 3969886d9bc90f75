import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSessionStore } from '../../../../src/adapters/sessions/createSessionStore.ts';
import * as summaries from '../../../../src/adapters/sessions/transcriptSummary.ts';
import { BadInputError, NotFoundError } from '../../../../src/core/errors.ts';
import type { SessionChange } from '../../../../src/core/fork/sessionStore.ts';
import { noContext } from '../../../../src/core/session/recordedSession.ts';
import { sha256, TranscriptBuilder, treeOf } from '../../../support/transcript.ts';

let claudeDir = '';
let project = '';

beforeEach(() => {
  claudeDir = mkdtempSync(join(tmpdir(), 'sessions-'));
  chmodSync(claudeDir, 0o755);
  project = join(claudeDir, 'projects', '-work-slug-tools');
  mkdirSync(project, { recursive: true });
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(claudeDir, { recursive: true, force: true });
});

function store(dirs: string[] = [claudeDir]) {
  return createSessionStore({ claudeDirs: dirs, sha256 });
}

function conversation(sessionId: string, prompts: string[], cwd?: string): TranscriptBuilder {
  const builder = new TranscriptBuilder({ sessionId, ...(cwd !== undefined && { cwd }) });
  for (const prompt of prompts) {
    builder.prompt(prompt);
    builder.reply('Reading.', [{ id: `${prompt}-call` }]);
    builder.reply('Done.');
  }
  return builder;
}

function write(builder: TranscriptBuilder, folder = project): string {
  const file = join(folder, `${builder.sessionId}.jsonl`);
  writeFileSync(file, builder.text());
  return file;
}

describe('list', () => {
  it('gives what a whole parse finds, newest first', async () => {
    const older = conversation('aaaa', ['One', 'Two']);
    older.unchained('cost-state', { totalCostUSD: 0.25 });
    const newer = conversation('bbbb', ['One', 'Two', 'Three', 'Four']);
    write(older);
    write(newer);
    const listed = await store().list();
    expect(listed.map((summary) => summary.sessionId)).toEqual(['bbbb', 'aaaa']);
    expect(listed[1]).toEqual({
      sessionId: 'aaaa',
      file: join(project, 'aaaa.jsonl'),
      projectPath: '/work/slug-tools',
      title: 'One',
      turns: 2,
      firstAt: '2026-01-01T10:00:01.000Z',
      lastAt: '2026-01-01T10:00:10.000Z',
      bytes: readFileSync(join(project, 'aaaa.jsonl')).length,
      models: ['claude-opus-5-5'],
      costUsd: 0.25,
      gitBranch: 'main',
      version: '2.1.329',
      problems: 0,
      modifiedAt: statSync(join(project, 'aaaa.jsonl')).mtime.toISOString(),
      roots: [older.lines[0]?.['uuid']],
      forkedFrom: null,
      isNamed: false,
      foreignTitles: [],
      ...noContext,
    });
    for (const summary of listed) expect((await store().open(summary.sessionId)).session.summary).toEqual(summary);
    expect(await store().list({ limit: 1 })).toEqual(listed.slice(0, 1));
  });

  it('yields nothing where no folder is', async () => {
    expect(await store([join(claudeDir, 'nowhere'), join(claudeDir, 'projects', 'x')]).list()).toEqual([]);
    expect(store([join(claudeDir, 'nowhere')]).folders).toEqual([join(claudeDir, 'nowhere', 'projects')]);
  });

  it('fault 23: hides files that hold no message and shows damaged ones', async () => {
    writeFileSync(join(project, 'empty.jsonl'), '');
    writeFileSync(join(project, 'metadata.jsonl'), '{"type":"mode","mode":"normal","sessionId":"metadata"}\n');
    writeFileSync(join(project, 'garbage.jsonl'), 'what is this?\n');
    const torn = write(conversation('torn', ['One', 'Two']));
    truncateSync(torn, readFileSync(torn).length - 30);
    const listed = await store().list();
    // By time: the garbage has none.
    expect(listed.map((summary) => [summary.sessionId, summary.turns, summary.problems])).toEqual([
      ['torn', 2, 1],
      ['garbage', 0, 1],
    ]);
  });

  it('takes only plain files that lie inside: no folder, no pipe, no link out', async () => {
    write(conversation('real', ['One']));
    mkdirSync(join(project, 'folder.jsonl'));
    execFileSync('/usr/bin/mkfifo', [join(project, 'pipe.jsonl')]);
    const outside = join(claudeDir, 'outside');
    mkdirSync(outside);
    const secret = write(conversation('secret', ['Secret']), outside);
    symlinkSync(secret, join(project, 'link.jsonl'));
    symlinkSync(outside, join(claudeDir, 'projects', 'out'));
    symlinkSync('loop', join(claudeDir, 'projects', 'loop'));
    writeFileSync(join(project, 'agent-1.jsonl'), conversation('agent-1', ['One']).text());
    expect((await store().list()).map((summary) => summary.sessionId)).toEqual(['real']);
  });

  it('fault 28: gives an unreadable file a row of its own', async () => {
    write(conversation('fine', ['One']));
    chmodSync(write(conversation('closed', ['One'])), 0o000);
    // The superuser may read everything, so for the length of the call the test is somebody else.
    const superuser = process.geteuid?.() === 0;
    if (superuser) process.seteuid?.(65_534);
    const listed = await store()
      .list()
      .finally(() => superuser && process.seteuid?.(0));
    expect(listed.map((summary) => [summary.sessionId, summary.title, summary.turns, summary.problems])).toEqual([
      ['fine', 'One', 1, 0],
      ['closed', 'Unreadable session (EACCES)', 0, 1],
    ]);
  });

  it('filters by project, below it too, whatever name leads there', async () => {
    const folder = join(claudeDir, 'code');
    mkdirSync(join(folder, 'sub'), { recursive: true });
    symlinkSync(folder, join(claudeDir, 'alias'));
    write(conversation('top', ['One'], folder));
    write(conversation('sub', ['One'], join(folder, 'sub')));
    write(conversation('other', ['One'], `${folder}-other`));
    for (const name of [folder, join(claudeDir, 'alias')]) {
      expect((await store().list({ project: name })).map((summary) => summary.sessionId).sort()).toEqual([
        'sub',
        'top',
      ]);
    }
  });

  it('reads a file again only when it changed', async () => {
    const read = vi.spyOn(summaries, 'summarizeTranscript');
    const first = write(conversation('aaaa', ['One']));
    write(conversation('bbbb', ['One']));
    const sessions = store();
    await Promise.all([sessions.list(), sessions.list()]);
    expect(read).toHaveBeenCalledTimes(2);
    appendFileSync(first, `${JSON.stringify({ type: 'custom-title', customTitle: 'Renamed', sessionId: 'aaaa' })}\n`);
    expect((await sessions.list()).map((summary) => summary.title).sort()).toEqual(['One', 'Renamed']);
    expect(read).toHaveBeenCalledTimes(3);
    mkdirSync(join(project, 'bbbb'));
    writeFileSync(join(project, 'bbbb', 'custom-title.json'), '{"customTitle":"By the person"}');
    expect((await sessions.list()).map((summary) => summary.title).sort()).toEqual(['By the person', 'Renamed']);
    expect(read).toHaveBeenCalledTimes(4);
  });

  it('stops when it is told to', async () => {
    write(conversation('aaaa', ['One']));
    await expect(store().list({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });

  it('counts turns as a whole parse does, also in damaged files', async () => {
    const builder = new TranscriptBuilder();
    builder.prompt('<command-name>/model</command-name>');
    builder.prompt('<local-command-stdout>Set</local-command-stdout>');
    const first = builder.prompt('One');
    builder.reply('Both.', [{ id: 'a' }, { id: 'b', result: 'say "hello" {"type":"user"}' }]);
    builder.unchained('last-prompt', { leafUuid: first });
    builder.prompt([{ type: 'text', text: 'Two ☃' }]);
    builder.reply('Done.');
    builder.prompt('Of a subagent', { isSidechain: true });
    builder.goTo(first);
    builder.prompt('Three');
    const whole = builder.bytes();
    const file = join(project, 'session-1.jsonl');
    // What happens to real files: bytes lost, bytes put in, a write that ran into another. One accident a file.
    const lines = builder
      .text()
      .split('\n')
      .map((line) => new TextEncoder().encode(line));
    const inserted = fc.oneof(fc.uint8Array({ maxLength: 6 }), fc.constantFrom(...lines));
    const accident = fc.record({ at: fc.nat(whole.length), drop: fc.nat(600), insert: inserted });
    await fc.assert(
      fc.asyncProperty(accident, async ({ at, drop, insert }) => {
        const damaged = new Uint8Array([...whole.subarray(0, at), ...insert, ...whole.subarray(at + drop)]);
        writeFileSync(file, damaged);
        const quick = summaries.summarizeTranscript(file);
        expect(quick?.turns ?? 0).toBe(treeOf(damaged).session.turns.length);
      }),
      { numRuns: 300 },
    );
  });

  it('finds a prompt that was written into another line', async () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    builder.reply('Reading.', [{ id: 'a' }]);
    builder.chained('attachment', { attachment: { type: 'date', date: '2026-01-01' } });
    builder.prompt('Two');
    const lines = builder.text().trimEnd().split('\n');
    const prompt = lines.at(-1) ?? '';
    for (let at = 1; at < lines.length - 1; at += 1) {
      const torn = (lines[at] ?? '').slice(0, -40);
      const file = join(project, `torn-${at}.jsonl`);
      writeFileSync(file, [...lines.slice(0, at), torn + prompt, ...lines.slice(at + 1, -1)].join('\n'));
      const { session } = await store().open(file);
      // Where the torn record is lost, the one that answers it has lost its parent.
      expect(session.problems.map(({ line }) => line)).toContain(at + 1);
      expect(summaries.summarizeTranscript(file)).toMatchObject({ turns: 2, problems: session.problems.length });
    }
  });

  it('reads lines that are longer than a piece, and UTF-16', async () => {
    const builder = conversation('long', ['One']);
    builder.prompt([
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(1_500_000) } },
      { type: 'text', text: 'Two' },
    ]);
    builder.reply('B'.repeat(900_000));
    write(builder);
    writeFileSync(
      join(project, 'wide.jsonl'),
      Buffer.from(`\uFEFF${conversation('wide', ['One', 'Two', 'Three']).text()}`, 'utf16le'),
    );
    const listed = await store().list();
    expect(listed.map((summary) => [summary.sessionId, summary.turns, summary.lastAt !== null])).toEqual([
      ['wide', 3, true],
      ['long', 2, true],
    ]);
  });
});

describe('open', () => {
  it('takes an id, the beginning of one, or a path', async () => {
    const file = write(conversation('abcd-1', ['One']));
    write(conversation('abcd-2', ['Two']));
    for (const name of ['abcd-1', file]) expect((await store().open(name)).session.turns[0]?.prompt).toBe('One');
    expect((await store().open('abcd-2')).session.turns[0]?.prompt).toBe('Two');
    const ambiguous = await store()
      .open('abc')
      .catch((error: unknown) => error);
    expect(ambiguous).toBeInstanceOf(BadInputError);
    expect(ambiguous).toMatchObject({ details: { matches: ['abcd-1', 'abcd-2'] } });
    for (const name of ['', 'zzz', join(project, 'zzz.jsonl'), project])
      await expect(store().open(name)).rejects.toThrow(NotFoundError);
  });

  it('gives a session and its copy the title that they have in the list', async () => {
    const session = conversation('titled', ['One']);
    write(session);
    writeFileSync(join(project, 'copied.jsonl'), session.text());
    const summary = { type: 'summary', summary: 'A title', leafUuid: session.last };
    writeFileSync(join(project, 'other.jsonl'), `${JSON.stringify(summary)}\n`);
    const titles = async (id: string) => {
      const listed = (await store().list()).find(({ sessionId }) => sessionId === id);
      return [listed?.title, (await store().open(id)).session.summary.title];
    };
    for (const id of ['titled', 'copied']) {
      const [listed, opened] = await titles(id);
      expect(listed).toBe(opened);
    }
  });

  it('asks which of two files is meant where they say different things under the same `uuid`s', async () => {
    const other = join(claudeDir, 'projects', '-work-other');
    mkdirSync(other);
    const written = write(conversation('twice', ['One', 'Two']));
    const text = readFileSync(written, 'utf8');
    const file = join(other, 'twice.jsonl');
    writeFileSync(file, text.replaceAll('/work/slug-tools', '/work/other'));
    expect((await store().open('twice')).session.turns).toHaveLength(2);
    const edits = [
      text.replace('"content":"Two"', '"content":"Three"'),
      text.replace('Done.', 'Not done.'),
      text.replace('"parentUuid":"u4"', '"parentUuid":null'),
    ];
    for (const edited of edits) {
      expect(edited).not.toBe(text);
      writeFileSync(file, edited);
      await expect(store().open('twice')).rejects.toMatchObject({
        details: { matches: expect.arrayContaining([file]) },
      });
    }
  });

  it('finds subagents in the session’s own folder and, of old versions, beside it', async () => {
    const parent = new TranscriptBuilder({ sessionId: 'parent' });
    parent.prompt('Explore');
    parent.reply('I ask.', [{ id: 'call-1', name: 'Agent' }]);
    write(parent);
    const agent = new TranscriptBuilder({ sessionId: 'parent' });
    agent.prompt('Look', { isSidechain: true });
    agent.reply('Found.');
    mkdirSync(join(project, 'parent', 'subagents'), { recursive: true });
    writeFileSync(join(project, 'parent', 'subagents', 'agent-new.jsonl'), agent.text());
    writeFileSync(
      join(project, 'parent', 'subagents', 'agent-new.meta.json'),
      '{"agentType":"Explore","toolUseId":"call-1"}',
    );
    writeFileSync(join(project, 'agent-old.jsonl'), agent.text());
    writeFileSync(join(project, 'agent-other.jsonl'), conversation('another', ['x']).text());
    const { session } = await store().open('parent');
    expect(session.subagents).toMatchObject([
      {
        agentId: 'new',
        agentType: 'Explore',
        toolUseId: 'call-1',
        turnId: session.turns[0]?.turnId,
        messages: 2,
        steps: 1,
      },
      { agentId: 'old', agentType: null, toolUseId: null, turnId: null, messages: 2, steps: 1 },
    ]);
  });
});

describe('watch', () => {
  /** Waits for the next change that fits. */
  function changes(sessions = store()) {
    const seen: SessionChange[] = [];
    const waiting: { fits: (change: SessionChange) => boolean; resolve: (change: SessionChange) => void }[] = [];
    const watching = sessions.watch((change) => {
      seen.push(change);
      for (const one of waiting) if (one.fits(change)) one.resolve(change);
    });
    return {
      seen,
      watching,
      async next(act: () => void, fits: (change: SessionChange) => boolean): Promise<void> {
        const { promise, resolve } = Promise.withResolvers<SessionChange>();
        waiting.push({ fits, resolve });
        act();
        await promise;
      },
    };
  }
  const changed = (sessionId: string, turns: number) => (change: SessionChange) =>
    change.kind === 'changed' && change.session.sessionId === sessionId && change.session.turns === turns;
  const removed = (sessionId: string) => (change: SessionChange) =>
    change.kind === 'removed' && change.sessionId === sessionId;

  it('reports new, grown, renamed and deleted files, and reads nothing else again', async () => {
    write(conversation('bystander', ['One']));
    const sessions = store();
    await sessions.list();
    const read = vi.spyOn(summaries, 'summarizeTranscript');
    const { seen, watching, next } = changes(sessions);
    const file = join(project, 'aaaa.jsonl');
    await next(() => writeFileSync(file, conversation('aaaa', ['One']).text()), changed('aaaa', 1));
    await next(() => writeFileSync(file, conversation('aaaa', ['One', 'Two']).text()), changed('aaaa', 2));
    await next(() => renameSync(file, join(project, 'bbbb.jsonl')), changed('bbbb', 2));
    await next(() => rmSync(join(project, 'bbbb.jsonl')), removed('bbbb'));
    expect(seen.some(removed('aaaa'))).toBe(true);
    expect(read.mock.calls.map(([path]) => path)).not.toContain(join(project, 'bystander.jsonl'));
    watching.dispose();
  });

  it('sees folders that appear later, the projects folder itself too', async () => {
    const later = join(claudeDir, 'later');
    const { seen, watching, next } = changes(store([later]));
    const folder = join(later, 'projects', '-new');
    const create = (): void => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'cccc.jsonl'), conversation('cccc', ['One']).text());
    };
    await next(create, changed('cccc', 1));
    const other = join(later, 'projects', '-other');
    const createOther = (): void => {
      mkdirSync(other);
      writeFileSync(join(other, 'dddd.jsonl'), conversation('dddd', ['One', 'Two']).text());
    };
    await next(createOther, changed('dddd', 2));
    await next(() => rmSync(other, { recursive: true }), removed('dddd'));
    expect(seen.filter(removed('cccc'))).toEqual([]);
    watching.dispose();
  });
});
