import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../../src/cli/runCli.ts';
import { checkRequest } from '../../../src/core/api/checkRequest.ts';
import type { MessagesRequest } from '../../../src/core/api/messagesRequest.ts';
import { caseFolder } from '../../support/caseFolders.ts';
import { type FaultySession, writeFaultFolder } from '../../support/faultFolder.ts';
import { unsafeIn } from '../../support/hostile.ts';
import { TranscriptBuilder } from '../../support/transcript.ts';

/* Every fault of a transcript through every command that reads. What each of them must give is held by the tests that name it. */

const folder = mkdtempSync(join(tmpdir(), 'faults-'));
const claudeDir = join(folder, 'claude');
const sessions = writeFaultFolder(claudeDir);
const byName = sessions.map((session) => [session.sessionId, session] as const);

beforeAll(() => {
  vi.stubEnv('FORKPOINT_HOME', join(folder, 'home'));
  vi.stubEnv('HOME', folder);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

async function run(args: readonly string[], dir: string): Promise<{ code: number; text: string; errors: string }> {
  let text = '';
  let errors = '';
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => (text += String(chunk)) !== '');
  const err = vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => (errors += String(chunk)) !== '');
  try {
    return { code: await runCli([...args, '--claude-dir', dir], '0.0.0'), text, errors };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

/** Runs a command line. @returns what it printed; for a person that must be inert, for programs JSON */
async function printed(...args: string[]): Promise<string> {
  const { code, text, errors } = await run(args, claudeDir);
  expect({ args, code, errors: code === 0 ? '' : errors || text }).toEqual({ args, code: 0, errors: '' });
  if (!args.includes('--json')) expect(unsafeIn(text)).toBeNull();
  return text;
}

function textOf(sessionId: string): string {
  const builder = new TranscriptBuilder({ sessionId });
  builder.prompt(`The words of ${sessionId}`);
  return builder.text();
}

const linesOf = (text: string): Record<string, unknown>[] =>
  text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]));
const json = async (...args: string[]) => JSON.parse(await printed(...args, '--json')) as unknown;

interface Inspected {
  session: { turns: number; problems: number };
  turns: { index: number; prompt: string; active: boolean }[];
  problems: { line: number; kind: string; detail: string }[];
}

describe('the list', () => {
  it('has a row for each, and none for what is no session', async () => {
    const listed = (await json('list')) as { sessions: { sessionId: string; turns: number; problems: number }[] };
    expect(listed.sessions.map(({ sessionId }) => sessionId).sort()).toEqual(byName.map(([name]) => name).sort());
    for (const { sessionId, prompts, isNamed } of sessions) {
      const row = listed.sessions.find((each) => each.sessionId === sessionId);
      expect(row).toMatchObject({ sessionId, turns: prompts.length });
      expect({ sessionId, isNamed: (row?.problems ?? 0) > 0 }).toEqual({ sessionId, isNamed });
    }
    expect((await printed('list')).split('\n').filter((line) => line.startsWith('fault-'))).toHaveLength(
      sessions.length,
    );
  });
});

describe.each(byName)('%s', (name, { prompts, uuids, isNamed, file }: FaultySession) => {
  it('shows its turns and names what is damaged', async () => {
    const { session, turns, problems } = (await json('inspect', name)) as Inspected;
    expect(turns.map(({ prompt }) => prompt)).toEqual(prompts);
    expect(turns.filter(({ active }) => !active)).toEqual([]);
    expect(session).toMatchObject({ turns: prompts.length, problems: problems.length });
    expect(problems.length > 0).toBe(isNamed);
    const text = await printed('inspect', file, '--forks');
    for (const { line, kind } of problems) expect(text).toContain(`problem in line ${line}: ${kind}`);
    for (const { index } of turns) expect(text).toContain(`Fork before turn ${index}: reconstructed`);
  });

  it('gives every message once, and its requests', async () => {
    const found = linesOf(await printed('messages', name, '--json')).flatMap(({ uuid }) => uuid ?? []);
    expect(found.filter((uuid) => typeof uuid === 'string' && uuids.includes(uuid))).toEqual(uuids);
    await printed('requests', name, '--json');
  });

  it('can be forked at every turn, with everything before it', async () => {
    for (const [at, prompt] of prompts.entries()) {
      const turn = String(at + 1);
      const { request } = (await json('request', name, '--turn', turn)) as { request: MessagesRequest };
      expect(checkRequest(request)).toEqual([]);
      const sent = JSON.stringify(request.messages);
      for (const earlier of [...prompts.slice(0, at), prompt]) expect(sent).toContain(earlier);
      const shown = (await json('inspect', name, '--turn', turn)) as Inspected;
      expect(shown.turns).toMatchObject([{ prompt }]);
      await printed('files', name, '--turn', turn, '--no-git');
    }
  });

  it('is planned as a fork and as a replay, nothing sent', async () => {
    const turn = String(prompts.length);
    const fork = await json('fork', name, '--turn', turn, '--demo', '--executor', 'api', '--dry-run');
    expect(fork).toMatchObject({ preview: { fidelity: 'reconstructed', recordedPrompt: prompts.at(-1) } });
    await json('replay', name, '--demo', '--executor', 'api', '--dry-run');
  });

  it('is found by what it says behind the damage', async () => {
    const { hits } = (await json('search', `Say ${name}.`)) as { hits: { sessionId: string; turnIndex: number }[] };
    expect(hits).toMatchObject([{ sessionId: name, turnIndex: 3 }]);
  });
});

it('with an index each is found just the same', async () => {
  await printed('index');
  const { hits, complete } = (await json('search', 'And now? Say fault-')) as { hits: object[]; complete: boolean };
  expect({ hits: hits.length, complete }).toEqual({ hits: sessions.length, complete: true });
});

it.each(readdirSync(caseFolder('')))('the strangers’ session %s goes through every command', async (name) => {
  const ask = async (...args: string[]): Promise<unknown> => {
    const { code, text } = await run([...args, '--json'], caseFolder(name));
    // What can't be done is refused in words, never by an error of ours.
    if (code !== 0) expect(text).not.toContain('"code":"internal"');
    return args[0] === 'messages' || args[0] === 'requests' || code !== 0 ? linesOf(text) : JSON.parse(text);
  };
  const { sessions: listed } = (await ask('list')) as { sessions: { file: string; turns: number }[] };
  for (const { file, turns } of listed) {
    expect(await ask('inspect', file, '--forks')).toMatchObject({ session: { turns } });
    for (const command of ['messages', 'requests']) await ask(command, file);
    for (let turn = 1; turn <= turns; turn += 1) {
      await ask('request', file, '--turn', String(turn));
      await ask('files', file, '--turn', String(turn), '--no-git');
    }
    await ask('replay', file, '--demo', '--executor', 'api', '--dry-run');
  }
  await ask('search', 'the');
});

describe('a file that can’t be read', () => {
  const closedDir = join(folder, 'closed');
  const project = join(closedDir, 'projects', '-work');
  // The superuser may read everything, so for the length of a call the test is somebody else.
  const asSomebodyElse = async (...args: string[]) => {
    const superuser = process.geteuid?.() === 0;
    if (superuser) process.seteuid?.(65_534);
    return run(args, closedDir).finally(() => superuser && process.seteuid?.(0));
  };

  beforeAll(() => {
    mkdirSync(project, { recursive: true });
    for (const name of ['fine', 'closed']) writeFileSync(join(project, `${name}.jsonl`), textOf(name));
    chmodSync(folder, 0o755);
    chmodSync(join(project, 'closed.jsonl'), 0);
  });

  it('is a row of its own, and every command that asks for it says why it can’t', async () => {
    const listed = await asSomebodyElse('list', '--json');
    expect(JSON.parse(listed.text)).toMatchObject({ sessions: [{ sessionId: 'fine' }, { sessionId: 'closed' }] });
    const commands = [['inspect'], ['messages'], ['requests'], ['request', '--turn', '1'], ['files', '--turn', '1']];
    for (const [command = '', ...rest] of commands) {
      const { code, text } = await asSomebodyElse(command, 'closed', ...rest, '--json');
      const { error } = JSON.parse(text) as { error: { code: string; hint: string } };
      expect({ command, code: code > 0, known: error.code !== 'internal', hint: error.hint !== '' }).toEqual({
        command,
        code: true,
        known: true,
        hint: true,
      });
    }
    const found = await asSomebodyElse('search', 'words of', '--json');
    expect(JSON.parse(found.text)).toMatchObject({ hits: [{ sessionId: 'fine' }], complete: false });
  });
});
