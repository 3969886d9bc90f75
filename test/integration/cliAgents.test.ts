import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { answerOf } from '../../src/cli/questionPrompt.ts';
import { runIdSchema } from '../../src/core/ids.ts';
import { branchEventSchema } from '../../src/core/run/branchEvent.ts';
import type { RunView } from '../../src/core/run/runView.ts';
import type { Services } from '../../src/services.ts';
import { bundleCli, CliBench, type CliOptions, type CliResult } from '../support/cli.ts';
import { ForkStage, recorded, untilView } from '../support/forkStage.ts';
import type { ReceivedRequest, Reply } from '../support/messagesApi.ts';
import { builtWorker, killWorkers, startTestServer } from '../support/temporal.ts';
import { openTerminal } from '../support/terminal.ts';
import { treeHash } from '../support/treeHash.ts';

// The shapes of the contract (§ Agent branches). Loose: more fields are welcome.
const checkShape = z.object({ name: z.string(), exitCode: z.number().nullable(), passed: z.boolean(), ms: z.number() });
const questionShape = z.object({
  callId: z.string(),
  tool: z.string(),
  input: z.unknown(),
  askedAt: z.iso.datetime(),
});
const fileShape = z.object({
  path: z.string(),
  status: z.enum(['added', 'modified', 'deleted', 'renamed']),
  added: z.number(),
  removed: z.number(),
  binary: z.boolean(),
});
const runShape = z.object({
  executor: z.enum(['claude-code', 'api']),
  checks: z.object({ forkPoint: z.array(checkShape), recorded: z.array(checkShape), problems: z.array(z.unknown()) }),
  branches: z.array(
    z.object({
      state: z.enum(['pending', 'running', 'waiting', 'completed', 'failed', 'cancelled']),
      waitingFor: z.enum(['answer', 'limit', 'retry']).nullable(),
      until: z.string().nullable(),
      sessionId: z.uuid(),
      place: z.object({ kind: z.enum(['overlay', 'copy', 'worktree']), path: z.string(), root: z.string() }),
      prefix: z.object({ equal: z.number(), total: z.number(), stopsAt: z.string().nullable() }).nullable(),
      files: z.array(fileShape),
      commits: z.array(z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/), subject: z.string() })),
      checks: z.array(checkShape),
      questions: z.array(questionShape),
      inDoubt: z.array(z.object({ tool: z.string(), input: z.unknown() })),
    }),
  ),
});

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let bench: CliBench;
let stage: ForkStage;
let services: Services;
let transcript: string;
let before: string[];

const asks = `node -e "require('fs').writeFileSync('asked.txt', 'yes')"`;

const marks = ['[say]', '[ask]', '[touch]', '[sleep]', '[commit]', ...recorded.prompts];

/** What the model does is what the prompt says; a branch as recorded edits the file. Claude Code may add messages of its own. */
function answerBy({ body: { messages } }: ReceivedRequest): Reply {
  const asked = messages.findLastIndex(
    (message: { role: string }) =>
      message.role === 'user' && marks.some((mark) => JSON.stringify(message).includes(mark)),
  );
  const said = JSON.stringify(messages[asked]);
  const call = (name: string, input: unknown): Reply => ({ content: [{ type: 'tool_use', name, input }] });
  if (messages.slice(asked).some(({ role }: { role: string }) => role === 'assistant')) return 'Done.';
  if (said.includes('[say]')) return 'I only say this.';
  if (said.includes('[ask]')) return call('Bash', { command: asks });
  if (said.includes('[touch]')) return call('Bash', { command: 'touch made.txt' });
  if (said.includes('[sleep]')) return call('Bash', { command: 'touch begun.txt; sleep 76543' });
  if (said.includes('[commit]'))
    return call('Bash', { command: "echo hello > new.txt && git add new.txt && git commit -qm 'Say hello'" });
  const file_path = path.join(stage.project, 'src/slugify.js');
  return call('Edit', { file_path, old_string: 'normalize', new_string: 'normalise' });
}

const cli = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> => {
  const env = { ...stage.env, FORKPOINT_HOME: stage.home, FORKPOINT_CLAUDE: stage.program, ...options.env };
  return bench.run(args, { ...options, env });
};
const forking = ['fork', recorded.sessionId, '--turn', '3', '--executor', 'claude-code', '--yes'];
const fork = (...more: string[]): string[] => [...forking, ...more];
const bypass = ['--permissions', 'bypass', '--i-know'];
const check = 'fixed=grep -q normalize src/slugify.js';

/** The run that most tests look at: what it says, what it edits, what it commits. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into documents of any shape
let run: any;
let made: CliResult;

beforeAll(async () => {
  bundle = await bundleCli();
  bench = await CliBench.make(bundle.script);
  stage = await ForkStage.open();
  services = await stage.services();
  stage.answer(answerBy);
  transcript = readFileSync(stage.transcript, 'latin1');
  before = treeHash(stage.project);
  const branches = ['name=say,prompt=[say]', 'name=edit', 'name=commit,prompt=[commit]'];
  made = await cli(fork(...branches.flatMap((branch) => ['--branch', branch]), ...bypass, '--check', check, '--json'));
  run = made.json();
});
afterAll(async () => {
  for (const { stop, ended } of background) {
    stop();
    await ended;
  }
  await services?.dispose();
  await stage?.close();
  await bench?.remove();
  await bundle?.remove();
});

const branchNamed = (name: string) => run.branches.find((branch: { name: string }) => branch.name === name);

/** What the command line says of a run that has come to a state: looked for from here, as each call of that takes long. */
async function inState(runId: string, fits: (view: RunView) => boolean, ...args: string[]): Promise<CliResult> {
  await untilView(services, runIdSchema.parse(runId), fits);
  return cli([...args, runId, '--json']);
}
/** The questions of a run, once there are so many. */
const questionsOf = (runId: string, count: number): Promise<CliResult> =>
  inState(runId, ({ branches }) => branches.flatMap(({ questions }) => questions).length === count, 'questions');

/** What a command line prints that a person pastes into a shell. */
function shell(line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('sh', ['-c', line], { env: stage.env, timeout: 30_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${error.message}\n${stdout}${stderr}`));
    });
    child.stdin?.end();
  });
}

interface Background {
  runId: Promise<string>;
  ended: Promise<CliResult>;
  /** Interrupts it; one that has ended stays as it is. */
  stop: () => void;
}
const background: Background[] = [];

/** Starts a fork and gives its run's id as soon as it is told. */
function inBackground(...args: string[]): Background {
  let stop = (): void => undefined;
  let ended: Promise<CliResult> | undefined;
  const runId = new Promise<string>((resolve, reject) => {
    ended = cli(args, {
      onStderr: (text, kill) => {
        stop = () => kill('SIGINT');
        const [, id] = /^Run (r-\S+)$/m.exec(text) ?? [];
        if (id !== undefined) resolve(id);
      },
    });
    ended.then(({ stderr }) => reject(new Error(stderr)), reject);
  });
  if (ended === undefined) throw new Error('never started');
  const started = { runId, ended, stop: () => stop() };
  background.push(started);
  return started;
}

describe('a run of agents', () => {
  it('has all the fields of the contract, and ends with 1 where a check fails', () => {
    expect(made.code, made.stderr).toBe(1);
    expect(runShape.safeParse(run).error?.issues).toBeUndefined();
    expect(run).toMatchObject({
      executor: 'claude-code',
      state: 'completed',
      checks: {
        forkPoint: [{ name: 'fixed', passed: true }],
        recorded: [{ name: 'fixed', passed: true, exitCode: 0 }],
      },
    });
    const place = { kind: 'overlay', path: stage.project };
    const whole = { equal: 25, total: 25, stopsAt: null };
    expect(branchNamed('say')).toMatchObject({
      place,
      prefix: whole,
      files: [],
      commits: [],
      text: 'I only say this.',
    });
    expect(branchNamed('edit')).toMatchObject({
      files: [{ path: 'src/slugify.js', status: 'modified', added: 1, removed: 1, binary: false }],
      checks: [{ name: 'fixed', passed: false, exitCode: 1 }],
    });
    expect(branchNamed('commit')).toMatchObject({
      files: [{ path: 'new.txt', status: 'added' }],
      commits: [{ subject: 'Say hello' }],
    });
    expect(JSON.stringify(run)).not.toContain('changeSet');
    expect(made.stderr).toContain('Answered by Claude Code 2.1.329');
    expect(made.stderr).toContain('Starting 3 branches answered by Claude Code 2.1.329 in overlay places');
  });

  it('is told to a person with files, commits, checks and what was measured', async () => {
    const { stdout, code } = await cli(['status', run.runId]);
    expect(code).toBe(0);
    for (const line of [
      'say: no files changed · fixed passed · prefix 25 of 25 as recorded',
      'edit: +1 −1 in 1 file · fixed failed · prefix 25 of 25 as recorded',
      'commit: +1 −0 in 1 file · 1 commit · fixed passed · prefix 25 of 25 as recorded',
      `  commit ${branchNamed('commit').commits[0].sha.slice(0, 10)} Say hello`,
      'check fixed: passed before, passed as recorded, passes in 2 of 3 (95 %: 21–94 %)',
    ]) {
      expect(stdout.split('\n')).toContain(line);
    }
    const { runs } = (await cli(['runs', '--json'])).json();
    expect(runs.map(({ runId }: { runId: string }) => runId)).toContain(run.runId);
    expect((await cli(['runs'])).stdout).toMatch(/Now handle emoji\. +completed +3 of 3/);
  });

  it('is compared file by file', async () => {
    const { pairs, baselineProblems } = (await cli(['compare', run.runId, '--json'])).json();
    expect(baselineProblems).toEqual([]);
    const edit = pairs.find(({ b }: { b: string }) => b === branchNamed('edit').branchId);
    expect(edit.filesDiff.files).toMatchObject([{ path: 'src/slugify.js', added: 1, removed: 2 }]);
    const text = (await cli(['compare', run.runId, 'say', 'edit'])).stdout;
    expect(text).toContain('Files differ: +1 −1 in 1 file\n  modified src/slugify.js +1 −1\n');
    expect((await cli(['compare', run.runId, '--format', 'markdown'])).stdout).toContain('| Files that differ |');
  });

  it('is exported with patches and what its checks printed', async () => {
    const to = path.join(bench.home, 'export');
    const { files } = (await cli(['export', run.runId, '--to', to, '--json'])).json();
    const names = files.map((file: string) => path.basename(file));
    expect(names).toEqual(expect.arrayContaining(['run.json', 'run.md', 'b2-edit.patch', 'b3-commit.patch']));
    expect(names).not.toContain('b1-say.patch');
    expect(await readFile(path.join(to, 'b2-edit.patch'), 'utf8')).toContain("+  return text.normalise('NFKD')");
    expect(await readFile(path.join(to, 'b2-edit.checks.txt'), 'utf8')).toContain('== fixed: failed, exit code 1');
    expect(JSON.parse(await readFile(path.join(to, 'run.json'), 'utf8'))).toMatchObject({ executor: 'claude-code' });
  });

  it('leaves sessions of its own, told to be forks of the recorded one', async () => {
    const { sessions } = (await cli(['list', '--json'])).json();
    const session = sessions.find(
      ({ sessionId }: { sessionId: string }) => sessionId === branchNamed('edit').sessionId,
    );
    expect(session).toMatchObject({ forkedFrom: { sessionId: recorded.sessionId }, turns: 3, problems: 0 });
    const inspected = (await cli(['inspect', branchNamed('edit').sessionId, '--json'])).json();
    expect(inspected.turns).toHaveLength(3);
    expect(inspected.turns[2]).toMatchObject({ prompt: 'Now handle emoji.', tools: ['Edit'] });
  });
});

describe('diff', () => {
  it('gives patches that git applies', async () => {
    const clone = path.join(bench.home, 'clone');
    await stage.git('clone', '-q', stage.project, clone);
    const at = async (branch: string) => (await cli(['exec', run.runId, branch, '--', 'cat', 'src/slugify.js'])).stdout;
    const file = path.join(clone, 'src/slugify.js');
    // A branch that changed nothing is the fork point.
    await writeFile(file, await at('say'));
    const apply = (patch: string): void => {
      execFileSync('git', ['apply', '--whitespace=nowarn'], { cwd: clone, input: patch, env: stage.env });
    };
    apply((await cli(['diff', run.runId, 'edit'])).stdout);
    expect(await readFile(file, 'utf8')).toBe(await at('edit'));
    apply((await cli(['diff', run.runId, 'edit', 'commit'])).stdout);
    expect(await readFile(file, 'utf8')).toBe(await at('commit'));
    expect(await readFile(path.join(clone, 'new.txt'), 'utf8')).toBe('hello\n');
    const { branchId } = branchNamed('commit');
    apply((await cli(['compare', run.runId, branchId, 'recorded', '--format', 'patch'])).stdout);
    expect(await readFile(file, 'utf8')).toBe(recorded.end);
    expect((await cli(['diff', run.runId, 'say'])).stdout).toBe('');
  });

  it('gives names, counts and JSON', async () => {
    expect((await cli(['diff', run.runId, 'commit', '--name-only'])).stdout).toBe('new.txt\n');
    const stat = (await cli(['diff', run.runId, 'fork-point', 'edit', '--stat'])).stdout;
    expect(stat).toMatch(/^FILE +STATUS +LINES\nsrc\/slugify\.js +modified +\+1 −1\n$/);
    const json = (await cli(['diff', run.runId, 'fork-point', 'recorded', '--json'])).json();
    expect(json).toMatchObject({ a: 'fork-point', b: 'recorded', files: [{ path: 'src/slugify.js', added: 1 }] });
    expect(json.patch).toContain('+// emoji are dropped');
  });

  it('knows no other names', async () => {
    expect((await cli(['diff', run.runId, 'nobody'])).code).toBe(3);
    expect((await cli(['diff', 'r-nobody', 'edit', '--json'])).json()).toMatchObject({ error: { code: 'not_found' } });
  });
});

describe('check and exec', () => {
  it('runs the checks again, and ends with 1 where one fails', async () => {
    const all = await cli(['check', run.runId]);
    expect(all.code).toBe(1);
    expect(all.stdout).toMatch(/^BRANCH +CHECK +RESULT +EXIT +TIME\nfork point +fixed +passed +0 /);
    expect(all.stdout).toMatch(/^edit +fixed +failed +1 /m);
    const one = await cli(['check', run.runId, 'say', '--json']);
    expect(one.code).toBe(0);
    expect(one.json().branches[0].checks).toMatchObject([{ name: 'fixed', passed: true }]);
    expect((await cli(['check', run.runId, 'nobody'])).code).toBe(3);
  });

  it('runs a command in the place, with its input, output and exit code', async () => {
    const read = await cli(['exec', run.runId, 'edit', '--', 'cat', 'src/slugify.js']);
    expect(read).toMatchObject({ code: 0, stderr: '' });
    expect(read.stdout).toContain('normalise');
    expect(await cli(['exec', run.runId, 'edit', '--', 'cat'], { stdin: 'typed\n' })).toMatchObject({
      code: 0,
      stdout: 'typed\n',
    });
    expect((await cli(['exec', run.runId, 'edit', '--', 'sh', '-c', 'echo bad >&2; exit 7'])).code).toBe(7);
    expect((await cli(['exec', run.runId, 'commit', '--', 'git', 'log', '--format=%s'])).stdout).toBe(
      'Say hello\nFirst\n',
    );
    const env = await cli(['exec', run.runId, 'edit', '--', 'sh', '-c', 'echo $FORKPOINT_RUN $FORKPOINT_BRANCH']);
    expect(env.stdout).toBe(`${run.runId} b2\n`);
    expect((await cli(['exec', run.runId, 'nobody', '--', 'true'])).code).toBe(3);
    expect((await cli(['exec', run.runId, 'edit'])).code).toBe(2);
  });

  it('goes on in Claude Code with the line that it prints', async () => {
    const { stdout } = await cli(['continue', run.runId, 'say', '--print']);
    const line = `${stdout.trim()} -p '[touch]' --permission-mode acceptEdits`;
    expect(await shell(line)).toBe('Done.\n');
    expect((await cli(['exec', run.runId, 'say', '--', 'ls', 'made.txt'])).stdout).toBe('made.txt\n');
    // What it did there is none of what the branch did, until somebody says so.
    const files = (...options: string[]) => cli(['diff', run.runId, 'say', '--name-only', ...options]);
    const said = '1 file changed in the branch’s place after it ended (made.txt), not included. With --now it is.\n';
    expect(await files()).toMatchObject({ code: 0, stdout: '', stderr: said });
    expect((await cli(['apply', run.runId, 'say', '--dry-run'])).stderr).toContain(said);
    expect(await files('--now')).toMatchObject({ code: 0, stdout: 'made.txt\n', stderr: '' });
    expect(await files()).toMatchObject({ code: 0, stdout: 'made.txt\n', stderr: '' });
    const view = (await cli(['status', run.runId, '--json'])).json();
    expect(view.branches.find(({ name }: { name: string }) => name === 'say').files).toMatchObject([
      { path: 'made.txt' },
    ]);
    const json = (await cli(['continue', run.runId, 'say', '--json'])).json();
    expect(json).toMatchObject({ cwd: stage.project, command: expect.arrayContaining(['--resume']) });
  });
});

describe('what can’t be run', () => {
  const bad: [string, string[], string][] = [
    ['bypass without --i-know', ['--permissions', 'bypass'], 'permissions'],
    ['a commit that is not there', ['--files', 'nosuch'], 'nosuch'],
    ['an option in place of a commit', ['--files=-x'], 'files'],
    ['an unknown kind of place', ['--place', 'moon'], 'place'],
    ['a check without a command', ['--check', ''], '--check'],
    ['a path without Claude Code', ['--claude', '/nonexistent'], '/nonexistent'],
    ['the demo model for agents', ['--demo'], 'demo'],
    ['no turns at all', ['--max-turns', '0'], 'max-turns'],
  ];
  it.each(bad)('is refused before anything is started: %s', async (_what, options, named) => {
    const { code, stdout, stderr } = await cli(fork(...options, '--json'));
    expect(code, stderr).toBe(2);
    const { error } = JSON.parse(stdout);
    expect(JSON.stringify(error)).toContain(named);
    expect(error.hint).not.toBe('');
  });

  it('is refused without a yes', async () => {
    const { code, stdout } = await cli([...fork().filter((arg) => arg !== '--yes'), '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: 'not_confirmed', message: expect.stringContaining('1 branch answered by Claude Code') },
    });
  });

  it('is refused with path and line in a fork file', async () => {
    const lines = [
      `session: ${recorded.sessionId}`,
      'at: { turn: 3 }',
      'place: moon',
      'files: "-x"',
      'permissions: perhaps',
      'setup: npm ci',
      'checks:',
      '  - { name: tests, run: "true", timeoutSecond: 3 }',
      'maxTurns: none',
      'placement: overlay',
      'branches: [{ name: a }]',
    ];
    const { code, stdout } = await cli(['fork', '--file', '-', '--json'], { stdin: lines.join('\n') });
    expect(code).toBe(2);
    const { problems } = JSON.parse(stdout).error.details;
    expect(problems.map(({ path: at, line }: { path: string; line: number }) => `${line} ${at}`)).toEqual([
      '3 place',
      '4 files',
      '5 permissions',
      '6 setup',
      '8 checks[0].timeoutSecond',
      '9 maxTurns',
      '10 placement',
    ]);
  });

  it('says the next step where nothing is there to answer', async () => {
    const programs = path.join(bench.home, 'programs');
    await mkdir(programs, { recursive: true });
    const none = { FORKPOINT_CLAUDE: '', ANTHROPIC_API_KEY: '', PATH: programs };
    const neither = await cli(['fork', recorded.sessionId, '--turn', '3', '--yes'], { env: none });
    expect(neither.code).toBe(2);
    expect(neither.stderr).toMatch(/No API key is set\.\n.*ANTHROPIC_API_KEY.*install Claude Code.*--demo/);
    const wanted = await cli(fork(), { env: none });
    expect(wanted.code).toBe(4);
    expect(wanted.stderr).toMatch(/Claude Code was not found on this machine\.\n.*--claude PATH/);
  });
});

describe('who answers where nobody says', () => {
  const who = async (options: string[], env: Record<string, string> = {}): Promise<string> => {
    const args = ['fork', recorded.sessionId, '--turn', '3', '--dry-run', '--json', ...options];
    return (await cli(args, { env })).json().preview.executor;
  };
  it('is the API with a key, Claude Code without one or with an option of its own', async () => {
    // As where it is not set: an empty variable is none.
    const { ANTHROPIC_API_KEY: _key, ...keyless } = stage.env;
    const dryRun = ['fork', recorded.sessionId, '--turn', '3', '--dry-run', '--json'];
    const without = await bench.run(dryRun, {
      env: { ...keyless, FORKPOINT_HOME: stage.home, FORKPOINT_CLAUDE: stage.program },
    });
    expect(without.json().preview.executor).toBe('claude-code');
    expect(await who([])).toBe('api');
    expect(await who(['--demo'])).toBe('api');
    expect(await who(['--check', 'true'])).toBe('claude-code');
    expect(await who(['--place', 'auto'])).toBe('claude-code');
  });
});

describe('where and on what', () => {
  it('takes every key of a fork file', async () => {
    const file = path.join(bench.home, 'all.fork.yaml');
    const lines = [
      `session: ${recorded.sessionId}`,
      'at: { turn: 3 }',
      'executor: claude-code',
      'place: copy',
      'files: now',
      'permissions: deny',
      'setup: ["echo ready > ready.txt"]',
      'checks:',
      '  - { name: now, run: "grep -q emoji src/slugify.js", timeoutSeconds: 30 }',
      '  - { name: slow, run: "sleep 60", timeoutSeconds: 0.5 }',
      'maxTurns: 3',
      'concurrency: 1',
      'branches: [{ name: a, prompt: "[ask]" }]',
    ];
    await writeFile(file, lines.join('\n'));
    const result = await cli(['fork', '--file', file, '--yes', '--json']);
    expect(result.code, result.stderr).toBe(1);
    const [branch] = result.json().branches;
    expect(branch).toMatchObject({
      state: 'completed',
      place: { kind: 'copy' },
      checks: [
        { name: 'now', passed: true },
        { name: 'slow', passed: false, exitCode: null },
      ],
      denied: [{ tool: 'Bash' }],
      files: [{ path: 'ready.txt', status: 'added' }],
    });
    expect(branch.place.path).not.toBe(stage.project);
    expect((await cli(['status', result.json().runId])).stdout).toContain('  denied: Bash · ');
  });

  it('begins from a commit in a worktree, whose place is torn down and pruned with a patch once its run is gone', async () => {
    const file = path.join(stage.folder, 'torn.fork.json');
    const down = path.join(stage.folder, 'down');
    await writeFile(
      file,
      JSON.stringify({ teardown: [`echo $FORKPOINT_BRANCH $FORKPOINT_PORT $PWD >${down}`, 'echo busy; exit 3'] }),
    );
    const options = ['--place', 'worktree', '--files', 'HEAD', '--branch', 'name=a,prompt=[touch]', '--file', file];
    const result = await cli(fork(...options, '--check', 'head=! grep -q normalize src/slugify.js', '--json'));
    expect(result.code, result.stderr).toBe(0);
    const { runId, branches, failedTeardowns } = result.json();
    expect(failedTeardowns.map(({ place }: { place: string }) => place)).toEqual(['fork-point', 'recorded']);
    expect((await cli(['status', runId])).stdout).toMatch(/teardown: .* of fork-point failed with exit code 3/);
    // What set-up made is the branch's too; an empty file counts as one.
    expect(branches[0]).toMatchObject({ place: { kind: 'worktree' }, files: [{ path: 'made.txt', status: 'added' }] });
    const placesOf = async (id: string) => {
      const { places } = (await cli(['places', '--json'])).json();
      return places.filter((place: { runId: string }) => place.runId === id);
    };
    const { root } = branches[0].place;
    expect(await placesOf(runId)).toEqual([
      expect.objectContaining({ branch: 'b1', kind: 'worktree', root, inUse: false, orphan: false }),
    ]);
    expect((await cli(['places'])).stdout).toMatch(new RegExp(`${runId} +a \\(b1\\) +worktree`));
    await rm(path.join(stage.home, 'runs', runId), { recursive: true });
    expect(await placesOf(runId)).toMatchObject([{ orphan: true, bytes: expect.any(Number) }]);
    const pruned = await cli(['places', 'prune', '--json']);
    const { removed } = pruned.json();
    expect(pruned.code).toBe(1);
    expect(pruned.stderr).toContain('The teardown command "echo busy; exit 3" of b1 failed with exit code 3');
    expect(removed).toMatchObject([
      { runId, branch: 'b1', patch: expect.any(String), failedTeardowns: [{ place: 'b1', exitCode: 3 }] },
    ]);
    expect(await readFile(removed[0].failedTeardowns[0].output, 'utf8')).toContain('busy');
    expect(await readFile(removed[0].patch, 'utf8')).toContain('b/made.txt');
    const [branch, port, cwd] = (await readFile(down, 'utf8')).trim().split(' ');
    expect([branch, Number(port) > 0, cwd]).toEqual(['b1', true, branches[0].place.path]);
    expect(existsSync(root)).toBe(false);
    expect(existsSync(path.join(stage.home, 'places', runId))).toBe(false);
    expect(await placesOf(runId)).toEqual([]);
    expect(await placesOf(run.runId)).toHaveLength(3);
  });

  it('takes checks from the cache with --cache, where a place’s state is known and equal', async () => {
    const counts = path.join(stage.folder, 'counts');
    const again = fork('--place', 'worktree', '--files', 'HEAD', '--cache', '--branch', 'name=a,prompt=[say]');
    const options = [...again, '--check', `count=echo once >>${counts}`];
    // Nothing ignored comes along: of that nothing could be known.
    const file = path.join(stage.folder, 'cached.fork.json');
    await writeFile(file, JSON.stringify({ include: [] }));
    const [first, second] = [
      await cli([...options, '--file', file]),
      await cli([...options, '--file', file, '--json']),
    ];
    expect(first.code, first.stderr).toBe(0);
    // The branch changed nothing: it stands where the fork point does.
    expect(first.stdout).toMatch(/count passed \(cached\)/);
    expect(second.json()).toMatchObject({
      checks: { forkPoint: [{ name: 'count', passed: true, cached: true }] },
      branches: [{ checks: [{ name: 'count', passed: true, cached: true }] }],
    });
    // On the fork point, and on the recorded end.
    expect(await readFile(counts, 'utf8')).toBe('once\n'.repeat(2));
    // Who asks for them again wants them run.
    await cli(['check', second.json().runId]);
    expect(await readFile(counts, 'utf8')).toBe('once\n'.repeat(3));
  });

  it('stops where the set-up fails, and goes on with a retry that needs no API key', async () => {
    const flag = path.join(stage.folder, 'flag');
    const sent = stage.api.requests.length;
    const setup = `echo looking for it; test -e ${flag}`;
    const failed = await cli(fork('--setup', setup, '--branch', 'name=a,prompt=[say]'));
    expect(failed.code).toBe(1);
    const [, runId = ''] = /^Run (r-\S+)$/m.exec(failed.stderr) ?? [];
    expect(failed.stdout).toMatch(/a +failed +Opus 5\.5 +setup_failed/);
    expect(failed.stdout).toContain('\n  looking for it\n');
    expect(failed.stdout).toContain(`forkpoint retry ${runId}`);
    expect((await cli(['status', runId, '--json'])).json().branches[0].error.code).toBe('setup_failed');
    expect((await cli(['check', runId])).code).toBe(2);
    expect(stage.api.requests).toHaveLength(sent);
    await writeFile(flag, '');
    expect((await cli(['retry', runId, '--json'])).json()).toMatchObject({ error: { code: 'not_confirmed' } });
    // Claude Code may be logged in otherwise: here with a token.
    const env = { ANTHROPIC_API_KEY: '', ANTHROPIC_AUTH_TOKEN: 'token' };
    const again = await cli(['retry', runId, '--yes', '--json'], { env });
    expect(again.code, again.stderr).toBe(0);
    expect(again.json().branches[0]).toMatchObject({ state: 'completed', text: 'I only say this.' });
    expect((await cli(['retry', runId, '--yes'])).code).toBe(2);
  });

  it('streams its events, one a line', async () => {
    const result = await cli(fork('--events', '--setup', 'true', '--check', 'true', '--branch', 'name=a'));
    expect(result.code, result.stderr).toBe(0);
    const events = result.lines().map((line) => branchEventSchema.parse(line));
    const types = new Set(events.map(({ type }) => type));
    const expected = `run-started branch-started place-ready setup-ended prompt-sent agent-started step-completed tools-answered
      tool-result text-delta agent-turn-ended prefix-measured files-changed check-ended branch-ended baseline-checked run-ended`;
    for (const type of expected.split(/\s+/)) {
      expect(types).toContain(type);
    }
  });

  it('replays the recorded prompts in one place', async () => {
    const range = ['--from', '2', '--to', '3'];
    const result = await cli(['replay', recorded.sessionId, ...range, '--executor', 'claude-code', '--yes', '--json']);
    expect(result.code, result.stderr).toBe(0);
    const { kind, executor, branches } = result.json();
    expect({ kind, executor }).toEqual({ kind: 'replay', executor: 'claude-code' });
    expect(branches[0]).toMatchObject({ state: 'completed', steps: 4, place: { kind: 'overlay' } });
  });
});

describe('questions', () => {
  it('wait for answers from another terminal', async () => {
    const branches = ['name=ask,prompt=[ask]', 'name=both,prompt=[ask],repeats=2'];
    const started = inBackground(...fork(...branches.flatMap((branch) => ['--branch', branch])));
    const runId = await started.runId;
    // Two work at once: one that waits lets another begin.
    const { questions } = (await questionsOf(runId, 3)).json();
    for (const question of questions) questionShape.parse(question);
    const [ask, both] = ['ask', 'both #1'].map((name) =>
      questions.find(({ branch }: { branch: string }) => branch === name),
    );
    expect(ask).toMatchObject({
      runId,
      branchId: 'b1',
      branch: 'ask',
      tool: 'Bash',
      input: { command: asks },
    });
    const status = (await cli(['status', runId, '--json'])).json();
    expect(status.branches[0]).toMatchObject({ state: 'waiting', waitingFor: 'answer', questions: [{ tool: 'Bash' }] });
    const text = (await cli(['status', runId])).stdout;
    expect(text).toMatch(/^ask +asks /m);
    expect(text).toMatch(
      new RegExp(`^ask:.*\\n  asks: node -e .*\\n    forkpoint approve\\|deny ${runId} b1 ${ask.callId}$`, 'm'),
    );
    expect((await cli(['questions'])).stdout).toMatch(new RegExp(`${runId} +both #1 \\(b2-1\\) +${both.callId}`));
    expect((await cli(['check', runId])).code).toBe(2);
    expect((await cli(['diff', runId, 'ask'])).code).toBe(3);

    expect((await cli(['approve', runId, 'ask', 'toolu_none'])).code).toBe(2);
    expect((await cli(['approve', runId, 'nobody', ask.callId])).code).toBe(3);
    expect((await cli(['deny', 'r-nobody', 'ask', ask.callId])).code).toBe(3);
    expect((await cli(['approve', runId, 'ask', ask.callId])).code).toBe(0);
    expect((await cli(['approve', runId, 'ask', ask.callId])).code).toBe(2);
    // By the name that the table shows.
    const denied = await cli(['deny', runId, 'both #1', both.callId, '--message', 'Not on my disk.', '--json']);
    expect(denied.json()).toMatchObject({ behavior: 'deny', message: 'Not on my disk.' });
    const [last] = (await questionsOf(runId, 1)).json().questions;
    expect((await cli(['approve', runId, last.branchId, last.callId, '--for', 'run'])).code).toBe(0);
    const ended = await started.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain(`both #1 asks: ${asks}\n`);
    const view = (await cli(['status', runId, '--json'])).json();
    expect(view.branches.map(({ files }: { files: unknown[] }) => files.length)).toEqual([1, 0, 1]);
    expect(view.branches.map(({ questions: open }: { questions: unknown[] }) => open)).toEqual([[], [], []]);
    const told = stage.api.requests.some(({ rawBody }) => rawBody.includes('Not on my disk.'));
    expect(told).toBe(true);
    expect((await cli(['questions', runId])).stderr).toBe('No agent waits for an answer.\n');
  });
});

describe('an interrupt', () => {
  it('cancels the agents, keeps what they did, and leaves no process', async () => {
    const started = inBackground(...fork(...bypass, '--branch', 'name=sleepy,prompt=[sleep]'));
    const runId = await started.runId;
    const begun = ({ branches: [branch] }: RunView) => existsSync(path.join(branch?.place?.root ?? '', 'begun.txt'));
    const { branches } = (await inState(runId, begun, 'status')).json();
    const { root } = branches[0].place;
    const busy = await cli(['exec', runId, 'sleepy', '--json', '--', 'true']);
    expect(busy.code).toBe(2);
    expect(busy.json()).toMatchObject({ error: { message: '"sleepy" is still at work.' } });
    started.stop();
    const ended = await started.ended;
    expect(ended.code, ended.stderr).toBe(130);
    const view = (await cli(['status', runId, '--json'])).json();
    expect(view).toMatchObject({
      state: 'cancelled',
      branches: [{ state: 'cancelled', files: [{ path: 'begun.txt', status: 'added' }] }],
    });
    const { places } = (await cli(['places', '--json'])).json();
    expect(places.find((place: { root: string }) => place.root === root)).toMatchObject({ inUse: false });
    expect(await commandsNaming(stage.home)).toEqual([]);
  });
});

/** Command lines of living processes that name a folder. */
function commandsNaming(folder: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    execFile('ps', ['-eo', 'args'], (error, stdout) => {
      if (error !== null) reject(error);
      else resolve(stdout.split('\n').filter((line) => line.includes(folder) || line.includes('sleep 76543')));
    });
  });
}

describe('on Temporal', () => {
  it('asks and goes on with the answer', async () => {
    const server = await startTestServer();
    try {
      // The bundle of the tests is the command line alone.
      const worker = path.join(path.dirname(bundle.script), 'worker.js');
      await writeFile(worker, `import ${JSON.stringify(await builtWorker())};\n`);
      const where = ['--address', server.address];
      const detached = await cli(
        fork('--engine', 'temporal', '--detach', ...where, '--branch', 'name=ask,prompt=[ask]', '--json'),
      );
      expect(detached.code, detached.stderr).toBe(0);
      const { runId } = detached.json();
      const asked = await questionsOf(runId, 1);
      const [{ callId }] = asked.json().questions;
      expect((await cli(['approve', runId, 'ask', 'toolu_none', ...where])).code).toBe(2);
      expect((await cli(['approve', runId, 'ask', callId, ...where])).code).toBe(0);
      expect((await cli(['approve', runId, 'ask', callId, ...where])).code).toBe(2);
      const ended = await cli(['status', runId, '--wait', ...where, '--json']);
      expect(ended.code, ended.stderr).toBe(0);
      const log = await readFile(path.join(stage.home, 'runs', runId, 'events.jsonl'), 'utf8');
      expect(ended.json(), log).toMatchObject({
        engine: 'temporal',
        state: 'completed',
        branches: [{ state: 'completed', files: [{ path: 'asked.txt', status: 'added' }], prefix: { stopsAt: null } }],
      });
      expect((await cli(['diff', runId, 'ask', '--name-only'])).stdout).toBe('asked.txt\n');
    } finally {
      await killWorkers(stage.home);
      await server.stop();
    }
  }, 120_000);
});

describe('at a terminal', () => {
  it('takes a clear yes only for one', () => {
    expect(['y', 'YES', 'b', 'r'].map((said) => answerOf(said))).toMatchObject([
      { behavior: 'allow', scope: 'call' },
      { behavior: 'allow', scope: 'call' },
      { behavior: 'allow', scope: 'branch' },
      { behavior: 'allow', scope: 'run' },
    ]);
    for (const said of ['', 'n', 'no']) expect(answerOf(said)).toEqual({ behavior: 'deny', scope: 'call' });
    expect(answerOf('yes, but elsewhere')).toMatchObject({ behavior: 'deny', message: 'yes, but elsewhere' });
  });

  it('asks there', async () => {
    const terminal = openTerminal(process.execPath, [bundle.script, ...fork('--branch', 'name=t,prompt=[ask]')], {
      cwd: bench.home,
      env: { ...stage.env, FORKPOINT_HOME: stage.home, FORKPOINT_CLAUDE: stage.program },
    });
    await terminal.shows(/tasks:node-e.*Allow\?y=yes/);
    await terminal.say('y');
    await terminal.shows(/t:\+1−0in1file/);
    await terminal.ended;
    const { runs } = (await cli(['runs', '--json', '--limit', '1'])).json();
    expect(runs[0].branches[0]).toMatchObject({ state: 'completed', files: [{ path: 'asked.txt' }] });
  });
});

it('leaves the project, its repository and the recording as they were', () => {
  expect(treeHash(stage.project)).toEqual(before);
  expect(readFileSync(stage.transcript, 'latin1')).toBe(transcript);
});

describe('apply', () => {
  const file = (): string => path.join(stage.project, 'src/slugify.js');

  it('tells what it would write, and writes nothing', async () => {
    const plan = await cli(['apply', run.runId, 'commit', '--dry-run', '--json']);
    expect(plan.code).toBe(0);
    expect(plan.json()).toEqual({ applied: false, files: [{ path: 'new.txt', status: 'added', conflict: null }] });
    expect(treeHash(stage.project)).toEqual(before);
    const both = await cli(['apply', run.runId, 'commit', '--dry-run', '--to-branch', 'x']);
    expect(both.code).toBe(2);
  });

  it('commits on a new git branch and leaves all else as it is', async () => {
    const state = async () => [
      await stage.git('rev-parse', 'HEAD'),
      await stage.git('status', '--porcelain'),
      await stage.git('diff', 'HEAD'),
    ];
    const was = await state();
    const applied = await cli(['apply', run.runId, 'commit', '--to-branch', 'try/hello', '--json']);
    expect(applied.code, applied.stderr).toBe(0);
    expect(applied.json()).toMatchObject({ applied: true, files: [{ path: 'new.txt', conflict: null }] });
    expect(await stage.git('show', 'try/hello:new.txt')).toBe('hello');
    expect(await state()).toEqual(was);
    for (const name of ['try/hello', '-x', 'a..b']) {
      const refused = await cli(['apply', run.runId, 'commit', `--to-branch=${name}`, '--json']);
      expect(refused.code, name).toBe(2);
      expect(refused.json()).toMatchObject({ error: { code: 'bad_input' } });
    }
    await stage.git('branch', '-q', '-D', 'try/hello');
  });

  it('merges into a dirty tree, and leaves markers where both changed a line', async () => {
    try {
      // The tree holds what the recorded turn wrote, which is not committed.
      const applied = await cli(['apply', run.runId, 'edit', '--json']);
      expect(applied.json()).toEqual({
        applied: true,
        files: [{ path: 'src/slugify.js', status: 'modified', conflict: null }],
      });
      expect(applied.code).toBe(0);
      expect(await stage.read('src/slugify.js')).toBe(recorded.end.replace('normalize', 'normalise'));
      await writeFile(file(), recorded.end.replace('normalize', 'normalIZE'));
      const conflict = await cli(['apply', run.runId, 'edit']);
      expect(conflict.code).toBe(1);
      expect(conflict.stdout).toMatch(/src\/slugify\.js +conflict +Both changed the same lines/);
      expect(conflict.stderr).toContain('1 file with a conflict');
      expect(await stage.read('src/slugify.js')).toMatch(/<<<<<<< [\s\S]*normalIZE[\s\S]*=======[\s\S]*normalise/);
    } finally {
      await writeFile(file(), recorded.end);
    }
  });
});

describe('before it starts anything', () => {
  const ask = async (...more: string[]) => cli(fork(...more).filter((word) => word !== '--yes'));

  it('says what comes along, what “recorded” stands for, and what another path costs', async () => {
    await writeFile(path.join(stage.project, 'notes.txt'), 'mine');
    try {
      const turn = await ask('--branch', 'name=a', '--place', 'worktree');
      expect(turn.code).toBe(2);
      // The file that the session changed is put back to that turn, so it doesn't.
      expect(turn.stderr).toContain('    1 uncommitted file of your tree comes along: notes.txt\n');
      expect(turn.stderr).toContain('A worktree lies at another path: the prompt cache hits up to');
      const now = await ask('--branch', 'name=a', '--files', 'now');
      expect(now.stderr).toContain('“Recorded” was never there in this form: it is your present files with');
      expect(now.stderr).not.toMatch(/come along|another path/);
    } finally {
      await rm(path.join(stage.project, 'notes.txt'));
    }
  });
});
