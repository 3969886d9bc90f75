import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleCli, CliBench, type CliResult } from '../support/cli.ts';
import { hostileFile, hostileTexts, unsafeIn } from '../support/hostile.ts';

/** Every command over a session in which everything is hostile: what reaches the terminal is inert. */
let bundle: Awaited<ReturnType<typeof bundleCli>>;
let bench: CliBench;
let runId: string;

beforeAll(async () => {
  bundle = await bundleCli();
  bench = await CliBench.make(bundle.script);
  const project = path.join(bench.home, '.claude', 'projects', '-work');
  await mkdir(project, { recursive: true });
  await writeFile(path.join(project, 'hostile-1.jsonl'), hostileFile());
  await writeFile(
    path.join(project, `hostile-2 ${hostileTexts.escapes}.jsonl`),
    hostileFile({ sessionId: `hostile-2 ${hostileTexts.escapes}` }),
  );
  const sendable = hostileFile({ sessionId: 'sendable-1', isSendable: true });
  await writeFile(path.join(project, 'sendable-1.jsonl'), sendable);
  const forked = await run('fork', 'sendable-1', '--turn', '1', '--demo', '--yes', '--json');
  runId = forked.json().runId;
});

afterAll(async () => {
  await bench.remove();
  await bundle.remove();
});

async function run(...args: string[]): Promise<CliResult> {
  const result = await bench.run(args);
  for (const output of [result.stdout, result.stderr]) expect(unsafeIn(output), args.join(' ')).toBeNull();
  return result;
}

it.each([
  ['list'],
  ['inspect', 'hostile-1'],
  ['inspect', 'hostile-1', '--turn', '1'],
  ['inspect', 'hostile-2'],
  ['messages', 'hostile-1'],
  ['requests', 'hostile-1'],
  ['requests', 'hostile-1', '--full'],
  ['request', 'hostile-1', '--turn', '1'],
  ['fork', 'sendable-1', '--turn', '2', '--demo', '--yes'],
  ['replay', 'sendable-1', '--to', '1', '--demo', '--yes'],
  ['runs'],
  ['search', 'very long'],
  ['search', 'evil.example'],
  ['files', 'hostile-1', '--turn', '1'],
  ['keep', 'hostile-2'],
])('%s', async (...args: string[]) => {
  for (const more of [[], ['--json']]) {
    const { code, stdout } = await run(...args, ...more);
    expect(code, stdout).toBe(0);
    if (args[0] !== 'requests') expect(stdout).not.toBe('');
  }
});

it('status, compare and export of a run of it', async () => {
  for (const args of [
    ['status', runId],
    ['compare', runId],
    ['status', runId, '--json'],
  ])
    expect((await run(...args)).code).toBe(0);
  for (const format of ['text', 'json', 'markdown', 'patch'])
    expect((await run('compare', runId, '--format', format)).code).toBe(0);
  const to = path.join(bench.home, 'exported');
  const { files } = (await run('export', runId, '--to', to, '--json')).json();
  for (const file of files) {
    if (String(file).endsWith('.md')) expect(unsafeIn(await readFile(file, 'utf8'))).toBeNull();
  }
});

it('errors that name what was typed or recorded', async () => {
  const { escapes, bidi } = hostileTexts;
  for (const args of [
    ['inspect', `${escapes}${bidi}`],
    ['inspect', '/nowhere/\u001b[31m.jsonl'],
    ['inspect', 'hostile'],
    ['inspect', 'hostile-1', '--turn', escapes],
    // No model, tool or block is called so.
    ['fork', 'hostile-1', '--turn', '2', '--demo', '--yes'],
    ['replay', 'hostile-1', '--to', '1', '--demo', '--yes'],
    ['fork', 'hostile-1', '--turn', '1', '--branch', `name=${bidi},effort=${escapes}`, '--demo', '--yes'],
    [escapes],
    ['list', `--${bidi}`],
  ]) {
    for (const more of [[], ['--json']]) expect((await run(...args, ...more)).code).not.toBe(0);
  }
});

it('says how many problems a session has, in the list as in the inspection', async () => {
  const { sessions } = (await run('list', '--json')).json();
  for (const { sessionId, problems } of sessions) {
    const inspected = (await bench.run(['inspect', sessionId, '--json'])).json();
    expect(problems).toBe(inspected.problems.length);
    expect(inspected.session.problems).toBe(problems);
  }
});
