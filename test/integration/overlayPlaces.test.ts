import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlaceError } from '../../src/core/errors.ts';
import { PlaceStage, runIn, testRun, userEnv } from '../support/placeStage.ts';
import { treeHash } from '../support/treeHash.ts';

// What only an overlay does: real mounts, as whoever runs the tests and, where that is root, as an ordinary user too.
const program = path.resolve(import.meta.dirname, '../support/placeProgram.ts');
const isRoot = process.getuid?.() === 0;
/** Becomes an ordinary user where we are root. */
const asUser = isRoot ? ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] : [];

let stage: PlaceStage;

beforeEach(() => {
  stage = new PlaceStage();
});

afterEach(() => stage.dispose());

function programLine(order: object, user: readonly string[] = []): [string, string[]] {
  const flags = ['--experimental-transform-types', '--no-warnings'];
  const whole = { places: stage.home, folder: stage.project, kind: 'overlay', name: 'b1', script: '', ...order };
  const [file, ...args] = [...user, process.execPath, ...flags, program, JSON.stringify(whole)];
  return [file ?? '', args];
}

/** Whether a process lives that has the text as an argument. */
function lives(text: string): boolean {
  return readdirSync('/proc').some((id) => {
    try {
      return /^\d+$/.test(id) && readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0').includes(text);
    } catch {
      return false;
    }
  });
}

async function until(condition: () => boolean, ms = 5000): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end; await delay(20)) if (condition()) return true;
  return condition();
}

const escapes = `
umount "$PWD" && echo out
umount -l "$PWD" && echo out
unshare --user --map-root-user --mount umount "$PWD" && echo out
unshare --user --map-root-user --mount umount -l "$PWD" && echo out
unshare --user --map-root-user --mount sh -c 'umount -l "$PWD"; mount --bind / /mnt' && echo out
ls /proc/1/root/ && echo out
ls "/proc/$PPID/root/" && echo out
nsenter --target 1 --mount true && echo out
mount -o remount,rw "$PWD" && echo out
grep -h ^Cap /proc/self/status | sort -u -k2 | tr -d '\\t'
grep NoNewPrivs /proc/self/status | tr -d '\\t'
echo changed >src/a.txt
`;

const lockedIn = 'CapInh:0000000000000000\nNoNewPrivs:1\n';

describe('an overlay', () => {
  it('can’t be left', async () => {
    stage.repository();
    const before = treeHash(stage.project);
    const place = await stage.create('overlay');
    expect((await runIn(place, escapes)).stdout).toBe(lockedIn);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('can’t be left by an ordinary user', () => {
    stage.repository();
    if (isRoot) execFileSync('chown', ['-R', '65534:65534', stage.root]);
    const before = treeHash(stage.project);
    const [file, args] = programLine({ script: escapes }, asUser);
    const lines = execFileSync(file, args, { env: userEnv, encoding: 'utf8', stdio: 'pipe' }).trim().split('\n');
    const last = JSON.parse(lines.at(-1) ?? '') as { all: string; errors: string; ended: unknown; changes: string[] };
    expect(last).toMatchObject({ all: lockedIn, changes: ['src/a.txt'], ended: { exitCode: 0 } });
    expect(treeHash(stage.project)).toEqual(before);
  });

  it.each([
    ['overlay', true],
    ['copy', true],
    ['worktree', true],
    ['worktree', false],
  ])('%s (namespaces: %s): dies with the process that drives it', async (kind, namespaces) => {
    stage.repository();
    if (isRoot) execFileSync('chown', ['-R', '65534:65534', stage.root]);
    const before = treeHash(stage.project);
    const seconds = `96${Math.floor(Math.random() * 1e6)}`;
    const script = `setsid sleep ${seconds} & echo ready; sleep ${seconds}`;
    // By way of a program that stays: as it is, `setpriv` becomes the host itself.
    const [file, args] = programLine({ kind, script, namespaces }, asUser);
    const host = spawn(file, args, { env: userEnv, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    host.stdout.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    expect(await until(() => text.includes('ready') && lives(seconds), 20_000)).toBe(true);
    host.kill('SIGKILL');
    expect(await until(() => !lives(seconds), 1000)).toBe(true);
    expect(treeHash(stage.project)).toEqual(before);
    // The place is as it was left, and can be entered again.
    expect((await stage.places().list()).map(({ inUse }) => inUse)).toEqual([false]);
    if (isRoot) return;
    const again = await stage.places().open({ runId: testRun, name: 'b1' });
    expect((await runIn(again, 'echo again')).stdout).toBe('again\n');
  });

  it.each([50, 150, 250, 350, 500])('killed after %i ms while it is made leaves nothing that stays', async (ms) => {
    stage.repository();
    const before = treeHash(stage.project);
    const [file, args] = programLine({ makeOnly: true });
    const host = spawn(file, args, { env: userEnv, stdio: 'ignore' });
    const ended = new Promise((resolve) => host.on('close', resolve));
    await until(() => existsSync(stage.home), 20_000);
    await delay(ms / 3);
    host.kill('SIGKILL');
    await ended;
    const place = await stage.create('overlay');
    expect((await runIn(place, 'cat src/a.txt')).stdout).toBe('new\n');
    expect(readdirSync(path.join(stage.home, testRun))).toEqual(['b1']);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('lets one process in at a time, also one of another host', async () => {
    stage.repository();
    const place = await stage.create('overlay');
    const first = place.spawn(['sh', '-c', 'read line'], { env: userEnv });
    expect(() => place.spawn(['true'], { env: userEnv })).toThrow(PlaceError);
    await expect(place.changes()).rejects.toThrow(/A process lives in this branch’s place/);
    const [file, args] = programLine({ script: 'true' });
    expect(() => execFileSync(file, args, { env: userEnv, stdio: 'pipe' })).toThrow(/A process lives/);
    await expect(stage.places().remove(place.id)).rejects.toThrow(/Wait until it ends, or cancel|lives/);
    first.stdin.write('\n');
    await first.ended;
    expect((await runIn(place, 'echo next')).stdout).toBe('next\n');
    // A mark whose process is gone, or has another's id, stands for nobody.
    const mark = path.join(stage.home, testRun, 'b1', 'living', 'one');
    writeFileSync(mark, JSON.stringify({ pid: process.pid, started: 'another boot 1', token: 'x' }));
    expect((await runIn(place, 'echo next')).stdout).toBe('next\n');
  });

  it('gives a command line for a terminal, which marks the place by itself', async () => {
    stage.repository();
    const place = await stage.create('overlay');
    const { command, cwd } = place.commandLine(['sh', '-c', 'echo by hand >hand.txt; pwd; read line; exit 5'], {
      cwd: path.join(stage.project, 'src'),
    });
    const [file = '', ...args] = command;
    const terminal = spawn(file, args, { cwd, env: userEnv, stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    terminal.stdout.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    expect(await until(() => text === `${stage.project}/src\n`)).toBe(true);
    expect(() => place.spawn(['true'], { env: userEnv })).toThrow(PlaceError);
    const second = () => execFileSync(file, args, { cwd, env: userEnv, stdio: 'pipe' });
    expect(second).toThrow(/a process lives in this branch's place/);
    const ended = new Promise((resolve) => terminal.on('close', resolve));
    terminal.stdin.end('\n');
    expect(await ended).toBe(5);
    expect(await stage.told(await place.changes())).toEqual(['src/hand.txt: - → "by hand\\n"']);
    // What it left marks nobody.
    expect((await runIn(place, 'echo next')).stdout).toBe('next\n');
  });

  it('keeps what lies beside recorded files', async () => {
    stage.repository();
    stage.write('src/deep/secret.txt', 'there\n');
    chmodSync(path.join(stage.project, 'src/deep'), 0o750);
    const before = treeHash(stage.project);
    const files = [
      stage.file('src/a.txt', 'recorded\n'),
      stage.file('src/deep/new.txt', 'new\n', '0600'),
      stage.file('src/deep/er/c.txt', 'C\n'),
      stage.file('made/of/late.txt', 'late\n'),
      stage.file('never/was.txt', null),
    ];
    const place = await stage.create('overlay', { files });
    const seen = await runIn(
      place,
      'cat src/a.txt src/b.txt src/deep/*.txt src/deep/er/* made/of/*; stat -c %a src/deep src/deep/new.txt; ls; git status --short',
    );
    const contents = ['recorded', 'b', 'new', 'there', 'C', 'late', '750', '600'];
    const status = [
      ' M src/a.txt',
      ' M src/deep/er/c.txt',
      '?? made/',
      '?? src/deep/new.txt',
      '?? src/deep/secret.txt',
    ];
    expect(seen.stdout.split('\n')).toEqual([...contents, 'cache', 'made', 'run.sh', 'src', ...status, '']);
    expect((await place.changes()).changes).toEqual([]);
    await runIn(place, 'rm -r src/deep; mkdir src/deep; echo again >src/deep/new.txt');
    expect(await stage.told(await place.changes())).toEqual([
      'src/deep/er/c.txt: "C\\n" → -',
      'src/deep/new.txt: "new\\n" → "again\\n"',
      'src/deep/secret.txt: "there\\n" → -',
    ]);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('costs what was changed', async () => {
    stage.repository();
    mkdirSync(path.join(stage.project, 'many'));
    for (let at = 0; at < 200; at += 1) stage.write(`many/${at}`, `${at}\n`.repeat(2000));
    stage.git('add', '.');
    stage.git('commit', '-q', '-m', 'many');
    const place = await stage.create('overlay');
    await runIn(place, 'for i in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/zero >f$i; done; echo x >>many/7');
    const [info] = await stage.places().list();
    expect(info?.bytes).toBeGreaterThan(8_000_000);
    expect(info?.bytes).toBeLessThan(8_000_000 * 1.2);
  });

  it('keeps its fork point while the user’s tree moves on', async () => {
    stage.repository();
    const untracked = stage.write('loose.txt', 'loose\n');
    const place = await stage.create('overlay', { files: [stage.file('src/recorded.txt', 'r\n')] });
    expect((await place.changes()).notes).toEqual([]);
    await runIn(
      place,
      'echo branch >>src/a.txt; rm src/b.txt; echo branch >>src/deep/er/c.txt; echo branch >>loose.txt; echo b >>src/recorded.txt',
    );
    await delay(20);
    stage.write('src/a.txt', 'user\n');
    rmSync(path.join(stage.project, 'src/b.txt'));
    rmSync(path.join(stage.project, 'src/deep'), { recursive: true });
    stage.write('src/recorded.txt', 'user\n');
    writeFileSync(untracked, 'user\n');
    stage.write('cache/big', 'ignored\n');
    stage.git('add', '.');
    stage.git('commit', '-q', '-m', 'the user’s');
    const set = await place.changes();
    expect(await stage.told(set)).toEqual([
      // Nothing tells what an untracked file held before.
      'loose.txt: - → "loose\\nbranch\\n"',
      'src/a.txt: "new\\n" → "new\\nbranch\\n"',
      'src/b.txt: "b\\n" → -',
      'src/deep/er/c.txt: "c\\n" → "c\\nbranch\\n"',
      'src/recorded.txt: "r\\n" → "r\\nb\\n"',
    ]);
    expect(set.notes.join('\n')).toMatch(/Your checkout moved to [0-9a-f]{8} while the branch worked/);
    expect(set.notes.join('\n')).toMatch(
      /3 paths of your tree changed since the fork point \(loose\.txt, src\/a\.txt, src\/recorded\.txt\)/,
    );
    // What the user committed is not the branch's.
    expect(await place.commits()).toEqual([]);
    await runIn(place, 'git commit -qam own');
    expect((await place.commits()).map(({ subject }) => subject)).toEqual(['own']);
  });

  it('says where it can’t be laid out', async () => {
    stage.write('a', 'a');
    const inside = stage.places({ folder: path.join(stage.project, 'data') });
    expect((await inside.options(stage.project))[0]).toMatchObject({
      kind: 'overlay',
      available: false,
      detail: 'Forkpoint’s own data lies inside of the project.',
    });
    const config = stage.places({ configDirs: [path.join(stage.project, '.claude')] });
    expect((await config.options(stage.project))[0]).toMatchObject({
      kind: 'overlay',
      available: false,
      detail: 'Claude Code’s own config folder lies inside of the project.',
    });
    await expect(stage.places().options(path.join(stage.root, 'gone'))).rejects.toThrow(/is not there any more/);
    if (!isRoot) return;
    execFileSync('chown', ['65534', stage.project]);
    expect((await stage.places().options(stage.project))[0]?.detail).toMatch(/belongs to another user than root/);
  });

  it('sees through links to the project', async () => {
    stage.repository();
    const link = path.join(stage.root, 'link');
    execFileSync('ln', ['-s', stage.project, link]);
    const place = await stage.create('overlay', {
      folder: path.join(link, 'src'),
      files: [{ ...stage.file('x', 'by link\n'), path: path.join(link, 'src', 'x') }],
    });
    expect(place.path).toBe(path.join(link, 'src'));
    expect(place.projectRoot).toBe(link);
    expect((await runIn(place, 'cat x; echo y >y')).stdout).toBe('by link\n');
    expect(await place.changes()).toMatchObject({ root: link, changes: [{ path: 'src/y' }] });
    expect(await place.refusesWrite(path.join(link, 'src', 'z'))).toBeNull();
  });

  it('fails where the agent’s folder is gone, and says so', async () => {
    stage.repository();
    const place = await stage.create('overlay');
    const ran = await runIn(place, 'true', path.join(stage.project, 'nowhere'));
    expect(ran.exitCode).toBe(125);
    expect(ran.stderr).toMatch(/the folder .*nowhere is not there/);
  });
});

// Mounting a small disk takes root; where the tests run as somebody else, the shared suite's simulated full disk has to do.
describe.runIf(isRoot)('file systems', () => {
  const mounted: string[] = [];
  const mountTmpfs = (folder: string, options: string): void => {
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
    mounted.push(folder);
  };

  afterEach(() => {
    for (const folder of mounted.splice(0).reverse()) execFileSync('umount', ['-l', folder]);
  });

  it.each(['overlay', 'copy', 'worktree'] as const)('%s: a full disk leaves nothing', async (kind) => {
    stage.repository();
    stage.write('large', 'x'.repeat(3_000_000));
    const before = treeHash(stage.project);
    mountTmpfs(stage.home, 'size=2m');
    const files = [stage.file('recorded', 'x'.repeat(3_000_000))];
    await expect(stage.create(kind, { files })).rejects.toThrow(/disk is full/);
    expect(readdirSync(path.join(stage.home, testRun))).toEqual([]);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('name what is mounted inside of a project', async () => {
    stage.repository();
    mountTmpfs(path.join(stage.project, 'data, set'), 'size=1m');
    const [overlay, worktree] = await stage.places().options(stage.project);
    expect(overlay).toMatchObject({
      available: false,
      detail: `Another file system is mounted inside of the project (${stage.project}/data, set), which no layer can lie over.`,
    });
    expect(worktree).toMatchObject({ kind: 'worktree', available: true });
  });

  it('that can’t keep a layer are named', async () => {
    stage.repository();
    const lower = path.join(stage.root, 'lower');
    const upper = path.join(stage.root, 'u', 'upper');
    mkdirSync(lower);
    mkdirSync(path.join(stage.root, 'u', 'work'), { recursive: true });
    mkdirSync(upper);
    mkdirSync(stage.home, { recursive: true });
    const layers = `lowerdir=${lower},upperdir=${upper},workdir=${path.join(stage.root, 'u', 'work')}`;
    execFileSync('mount', ['-t', 'overlay', '-o', layers, 'overlay', stage.home]);
    mounted.push(stage.home);
    expect((await stage.places().options(stage.project))[0]).toMatchObject({
      available: false,
      detail: expect.stringMatching(/data folder lies on an overlay itself/),
    });
  });
});

describe('modes of folders', () => {
  it('are the project’s', async () => {
    stage.repository();
    chmodSync(stage.project, 0o751);
    const place = await stage.create('overlay');
    expect((await runIn(place, 'stat -c %a .')).stdout).toBe('751\n');
    expect(lstatSync(place.root).mode & 0o777).toBe(0o751);
  });
});
