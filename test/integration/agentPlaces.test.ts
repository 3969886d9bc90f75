import { execFile } from 'node:child_process';
import { constants, copyFile, mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Services } from '../../src/services.ts';
import { bundleCli } from '../support/cli.ts';
import { branchOf, ForkStage, recorded, untilView } from '../support/forkStage.ts';
import type { ReceivedRequest, Reply, ReplyBlock } from '../support/messagesApi.ts';
import { treeHash } from '../support/treeHash.ts';

const run = promisify(execFile);

const use = (name: string, input: Record<string, unknown>): ReplyBlock => ({ type: 'tool_use', name, input });

/** How many of the branch's own replies stand in a request. */
function repliesSince({ body }: ReceivedRequest, prompt: string): number {
  const at = body.messages.findLastIndex((message: unknown) => JSON.stringify(message).includes(prompt));
  return body.messages.slice(at).filter(({ role }: { role: string }) => role === 'assistant').length;
}

/** A course that uses everything: a subagent, reading, writing, editing, a commit, and a command that is asked for. */
function wholeCourse(folder: () => string): (request: ReceivedRequest) => Reply {
  return (request) => {
    if (JSON.stringify(request.body.messages[0]).includes('Count the files.')) return 'There are two.';
    const src = path.join(folder(), 'src');
    const steps: ReplyBlock[][] = [
      [use('Agent', { description: 'Count', prompt: 'Count the files.', subagent_type: 'general-purpose' })],
      [use('Read', { file_path: path.join(src, 'slugify.js') })],
      [use('Edit', { file_path: path.join(src, 'slugify.js'), old_string: 'text.', new_string: 'text.trim().' })],
      [use('Write', { file_path: path.join(src, 'emoji.js'), content: 'export const emoji = /\\p{Emoji}/u;\n' })],
      [use('Bash', { command: 'git add -A && git commit -qm "Handle emoji"' })],
      [use('Bash', { command: `node -e "require('fs').rmSync('package.json')"` })],
    ];
    return steps[repliesSince(request, 'Do all of it.')] === undefined
      ? 'Everything is done.'
      : { content: steps[repliesSince(request, 'Do all of it.')] as ReplyBlock[] };
  };
}

/** The first reply to a prompt: an edit of the project's file, wherever Claude Code says that it works. */
function editOf(request: ReceivedRequest, prompt: string): Reply | null {
  if (repliesSince(request, prompt) > 0) return null;
  const [, folder = ''] = /orking directory: (.*?)\\n/.exec(request.rawBody) ?? [];
  const file_path = path.join(folder, 'src/slugify.js');
  return { content: [use('Edit', { file_path, old_string: 'text.', new_string: 'text.trim().' })] };
}

/** What Claude Code said last of a call. */
function lastResult(requests: readonly ReceivedRequest[]): string {
  const messages = requests.flatMap(({ body }) => body.messages);
  const results = messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
  return String(results.findLast(({ type }) => type === 'tool_result')?.content);
}

describe.each(['overlay', 'worktree', 'copy'] as const)('a branch in a place of kind %s', (kind) => {
  let stage: ForkStage;
  let services: Services;
  beforeAll(async () => {
    stage = await ForkStage.open();
    services = await stage.services();
  });
  afterAll(async () => {
    await services?.dispose();
    await stage?.close();
  });

  it('really works there, with every kind of tool, and nothing of the person’s changes', async () => {
    const before = [treeHash(stage.project), await readFile(stage.transcript, 'utf8')];
    let folder = stage.project;
    stage.answer(wholeCourse(() => folder));
    const { runId } = await services.forks.dispatch(stage.fork({ place: kind, prompt: 'Do all of it.' }));
    const placed = await untilView(services, runId, ({ branches }) => branches[0]?.place !== null);
    folder = branchOf(placed, 'one').place?.path ?? '';
    // The commit and the removal are asked for: neither is an edit of a file.
    const answered = new Set<string>();
    const view = await untilView(services, runId, (now) => {
      for (const { callId } of branchOf(now, 'one').questions) {
        if (answered.has(callId)) continue;
        answered.add(callId);
        void services.forks.answer(runId, 'one', callId, { behavior: 'allow', scope: 'call' });
      }
      return now.state !== 'running' && now.state !== 'pending';
    });
    const branch = branchOf(view, 'one');
    expect(branch, JSON.stringify(branch.error)).toMatchObject({
      state: 'completed',
      place: { kind },
      subagentSteps: 1,
      commits: [{ subject: 'Handle emoji' }],
    });
    expect(answered.size).toBe(2);
    expect(branch.files.map(({ path: file, status }) => [file, status])).toEqual([
      ['package.json', 'deleted'],
      ['src/emoji.js', 'added'],
      ['src/slugify.js', 'modified'],
    ]);
    expect([treeHash(stage.project), await readFile(stage.transcript, 'utf8')]).toEqual(before);
    // Recorded paths were rewritten where the place is elsewhere; all else is as it was sent.
    if (kind === 'overlay') expect(branch.prefix).toMatchObject({ stopsAt: null });
    else expect(branch.prefix?.stopsAt).toMatch(/message/);
  });

  it('has the files of the turn, and what git ignores as far as the place brings it along', async () => {
    stage.answer((request) => editOf(request, 'Fix it.') ?? 'Done.');
    const { runId } = await services.forks.dispatch(stage.fork({ place: kind, at: { turn: 2 } }));
    const view = await services.forks.whenEnded(runId);
    expect(view.state, JSON.stringify(view.branches[0]?.error)).toBe('completed');
    // The file was read before the fork point: nothing has changed since, for Claude Code either.
    expect(lastResult(stage.api.requests)).toMatch(/updated successfully\. \(file state is current/);
    const cat = async (file: string): Promise<string> => {
      const { command, cwd } = await services.agents.command(runId, 'one', ['cat', file]);
      return (await run(command[0] ?? '', command.slice(1), { cwd, env: stage.env })).stdout;
    };
    // Before the fix: neither the fix of turn 2 nor the comment of turn 3 is there.
    expect(await cat('src/slugify.js')).toContain('text.trim().toLowerCase()');
    expect(await stage.read('src/slugify.js')).toBe(recorded.end);
    expect(await cat('.env')).toBe('SECRET=1\n');
    const modules = cat('node_modules/dep/index.js');
    if (kind === 'worktree') await expect(modules).rejects.toThrow('No such file');
    else await expect(modules).resolves.toBe('export default 1;\n');
  });
});

describe('allow rules of the project’s own settings', () => {
  it('don’t count in a folder that was never trusted, which is said, and count where the person says so', async () => {
    const stage = await ForkStage.open();
    const services = await stage.services();
    try {
      const rules = { permissions: { allow: ['Bash(node:*)'] } };
      await mkdir(path.join(stage.project, '.claude'));
      await writeFile(path.join(stage.project, '.claude/settings.json'), JSON.stringify(rules));
      stage.answer((request) =>
        repliesSince(request, 'Now handle emoji.') === 0
          ? { content: [use('Bash', { command: `node -e "require('fs').writeFileSync('ruled.txt', '')"` })] }
          : 'Done.',
      );
      const { runId } = await services.forks.dispatch(stage.fork({ permissions: 'deny' }));
      const denied = branchOf(await services.forks.whenEnded(runId), 'one');
      expect(denied).toMatchObject({ files: [], denied: [{ tool: 'Bash' }] });
      expect(denied.notes.join(' ')).toContain('1 allow rule of this project');
      const again = await services.forks.dispatch(stage.fork({ permissions: 'deny', allowProjectRules: true }));
      const ruled = branchOf(await services.forks.whenEnded(again.runId), 'one');
      expect(ruled).toMatchObject({ files: [{ path: 'ruled.txt' }], denied: [] });
    } finally {
      await services.dispose();
      await stage.close();
    }
  });
});

describe('Claude Code of other versions', () => {
  it.each(['2.1.300', '2.1.200'])('%s works in a branch of a session of its own', async (version) => {
    const stage = await ForkStage.open({ version });
    const services = await stage.services();
    try {
      stage.answer((request) => editOf(request, 'Fix it.') ?? 'Done.');
      const work = async (place: string) => {
        const { runId } = await services.forks.dispatch(stage.fork({ place, at: { turn: 2 } }));
        const branch = branchOf(await services.forks.whenEnded(runId), 'one');
        expect(lastResult(stage.api.requests)).toContain('updated successfully.');
        expect(branch, JSON.stringify(branch.error)).toMatchObject({
          state: 'completed',
          files: [{ added: 1, removed: 1 }],
        });
        return branch;
      };
      // It edits no file that is newer than its last reading of it.
      if (version === '2.1.200') await work('worktree');
      const branch = await work('overlay');
      // 2.1.200 logs no requests: nothing can be measured, and nothing is claimed.
      if (version === '2.1.200') expect(branch.prefix).toBeNull();
      else expect(branch.prefix).toMatchObject({ stopsAt: null });
    } finally {
      await services.dispose();
      await stage.close();
    }
  });
});

// Tests mostly run as root; where they don't, everything above ran as an ordinary user already.
describe.runIf(process.getuid?.() === 0)('an ordinary user', () => {
  it('gets an overlay too, and the request that was recorded', async () => {
    const stage = await ForkStage.open();
    const cli = await bundleCli();
    try {
      stage.answer(() => 'Nothing to do.');
      // The tools of tests lie in root's own folder, where nobody else may look.
      const programs = path.join(stage.folder, 'programs');
      await mkdir(programs);
      const [claude, node] = [path.join(programs, 'claude'), path.join(programs, 'node')];
      await copyFile(await realpath(stage.program), claude, constants.COPYFILE_FICLONE);
      await copyFile(process.execPath, node, constants.COPYFILE_FICLONE);
      await run('chown', ['-R', '65534:65534', stage.folder, path.dirname(path.dirname(cli.script))]);
      const ids = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
      const place = ['--executor', 'claude-code', '--place', 'overlay', '--yes', '--json'];
      const fork = ['fork', recorded.sessionId, '--turn', '3', ...place];
      const env = { ...stage.env, FORKPOINT_HOME: stage.home, FORKPOINT_CLAUDE: claude };
      const { stdout } = await run('setpriv', [...ids, node, cli.script, ...fork], { cwd: stage.folder, env });
      expect(JSON.parse(stdout).branches[0]).toMatchObject({
        state: 'completed',
        place: { kind: 'overlay', path: stage.project },
        prefix: { stopsAt: null },
      });
    } finally {
      await cli.remove();
      await stage.close();
    }
  });
});
