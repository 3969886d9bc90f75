import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileTouch } from '../../src/core/agent/fileTimes.ts';
import { NotFoundError, PlaceError } from '../../src/core/errors.ts';
import { PlaceStage, runIn, testRun, userEnv } from '../support/placeStage.ts';
import { treeHash } from '../support/treeHash.ts';

// What every kind of place must do, on real mounts and with a real git.
const kinds = ['overlay', 'copy', 'worktree'] as const;

let stage: PlaceStage;

beforeEach(() => {
  stage = new PlaceStage();
});

afterEach(() => stage.dispose());

/** Whether a process lives whose command line holds the text. */
function lives(text: string): boolean {
  return readdirSync('/proc').some((id) => {
    if (!/^\d+$/.test(id)) return false;
    try {
      return readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0').includes(text);
    } catch {
      return false;
    }
  });
}

async function until(condition: () => boolean, ms = 3000): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end; await delay(20)) if (condition()) return true;
  return condition();
}

function drafts(): string[] {
  const run = path.join(stage.home, testRun);
  return existsSync(run) ? readdirSync(run).filter((name) => name !== 'objects.git') : [];
}

describe.each(kinds)('%s', (kind) => {
  it('shows the present files, and keeps what is done to them apart', async () => {
    stage.repository();
    stage.write('src/a.txt', 'dirty\n');
    stage.write('untracked.txt', 'u\n');
    symlinkSync('src/a.txt', path.join(stage.project, 'link'));
    stage.git('stash', 'list');
    const before = treeHash(stage.project);
    const place = await stage.create(kind);
    expect(place.kind).toBe(kind);
    expect(place.path).toBe(kind === 'overlay' ? stage.project : place.toPlace(stage.project));
    const seen = await runIn(
      place,
      'pwd; cat src/a.txt untracked.txt link; test -x run.sh && echo executable; git branch --show-current',
    );
    expect(seen).toEqual({
      exitCode: 0,
      stdout: `${place.path}\ndirty\nu\ndirty\nexecutable\nmain\n`,
      stderr: '',
    });
    expect(await place.changes()).toEqual({ root: stage.project, changes: [], notes: [] });
    await runIn(
      place,
      `echo more >>src/a.txt; rm src/b.txt; rm -r src/deep; mkdir -p new/dir; echo n >new/dir/n.txt; chmod -x run.sh
       ln -sf new link; touch untracked.txt; printf 'x\\r\\n' >crlf.txt; mkdir -p cache; echo i >cache/ignored; echo i >x.log`,
    );
    expect(await stage.told(await place.changes())).toEqual([
      'crlf.txt: - → "x\\r\\n"',
      'link: "src/a.txt" 000 → "new" 000',
      'new/dir/n.txt: - → "n\\n"',
      'run.sh: "#!/bin/sh\\n" 755 → "#!/bin/sh\\n"',
      'src/a.txt: "dirty\\n" → "dirty\\nmore\\n"',
      'src/b.txt: "b\\n" → -',
      'src/deep/er/c.txt: "c\\n" → -',
    ]);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('lists the commits that were made in it', async () => {
    stage.repository();
    stage.git('remote', 'add', 'origin', 'https://example.invalid/p.git');
    stage.git('branch', 'other');
    stage.write('staged.txt', 's\n');
    stage.git('add', 'staged.txt');
    stage.git('stash', '-q');
    stage.git('stash', 'apply', '-q', '--index');
    const before = treeHash(stage.project);
    const place = await stage.create(kind);
    expect(await place.commits()).toEqual([]);
    const status = await runIn(place, 'git status --short; git remote get-url origin; git branch --list other');
    expect(status.stdout).toBe('A  staged.txt\nhttps://example.invalid/p.git\n  other\n');
    await runIn(
      place,
      'echo 1 >>src/a.txt; git commit -qam "first: done"; echo 2 >>src/a.txt; git commit -qam second; git branch -D other; git stash list',
    );
    expect((await place.commits()).map(({ subject }) => subject)).toEqual(['first: done', 'second']);
    expect((await stage.told(await place.changes()))[0]).toBe('src/a.txt: "new\\n" → "new\\n1\\n2\\n"');
    expect(treeHash(stage.project)).toEqual(before);
    expect(stage.git('worktree', 'list').trim().split('\n')).toHaveLength(1);
  });

  it('begins with the recorded files, byte by byte', async () => {
    stage.repository();
    const bytes = Uint8Array.from([0, 255, 13, 10, 128]);
    stage.write('was/a/folder.txt', 'x\n');
    const before = treeHash(stage.project);
    const place = await stage.create(kind, {
      files: [
        stage.file('src/a.txt', 'recorded\r\n'),
        stage.file('bin/tool', bytes, '0755'),
        stage.file('src/b.txt', null),
        stage.file('run.sh', 'still executable\n'),
        stage.file('was', 'a file now\n'),
        stage.file('src/a.txt.d/x', 'in a new folder\n', '100600'),
        stage.file('run.sh.d', null),
      ],
    });
    const seen = await runIn(
      place,
      'cat src/a.txt was; od -An -tx1 bin/tool; ls src; stat -c "%a %n" bin/tool run.sh src/a.txt.d/x',
    );
    expect(seen.stdout.split('\n')).toEqual([
      'recorded\r',
      'a file now',
      ' 00 ff 0d 0a 80',
      'a.txt',
      'a.txt.d',
      'deep',
      '755 bin/tool',
      '755 run.sh',
      '600 src/a.txt.d/x',
      '',
    ]);
    expect((await place.changes()).changes).toEqual([]);
    await runIn(place, 'echo end >>src/a.txt; echo back >src/b.txt; rm bin/tool');
    expect(await stage.told(await place.changes())).toEqual([
      `bin/tool: ${JSON.stringify(Buffer.from(bytes).toString('utf8'))} 755 → -`,
      'src/a.txt: "recorded\\r\\n" → "recorded\\r\\nend\\n"',
      'src/b.txt: - → "back\\n"',
    ]);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('has no file that is newer than the recording says', async () => {
    stage.repository();
    stage.write('old.txt', 'old\n');
    const [old, first, last] = [1_600_000_000, 1_700_000_000, 1_700_000_500];
    utimesSync(path.join(stage.project, 'old.txt'), old, old);
    const before = treeHash(stage.project);
    const touched = (name: string, text: string | null): [string, FileTouch[]] => [
      path.join(stage.project, name),
      [{ at: first * 1000 + 250, read: text === null ? null : { line: 1, text }, isRead: text !== null }],
    ];
    const place = await stage.create(kind, {
      files: [
        stage.file('src/a.txt', 'recorded\n'),
        stage.file('run.sh', '#!/bin/sh\n', '755'),
        stage.file('made.txt', 'made\n'),
        stage.file('old.txt', 'old\n'),
        stage.file('since.txt', 'changed since\n'),
        stage.file('never read.txt', 'x\n'),
        stage.file('src/deep/er/c.txt', null),
      ],
      times: {
        touches: new Map([
          touched('src/a.txt', 'recorded'),
          touched('run.sh', '#!/bin/sh'),
          touched('made.txt', null),
          touched('old.txt', 'old'),
          touched('since.txt', 'what it was'),
          // Only read, so nothing is restored.
          touched('src/b.txt', 'b'),
          touched('.gitignore', 'something else'),
          touched('/etc/passwd', 'root'),
        ]),
        until: last * 1000 + 250,
      },
    });
    const names = 'src/a.txt run.sh made.txt old.txt since.txt "never read.txt" src/b.txt';
    const dates = (await runIn(place, `stat -c %Y ${names}`)).stdout.trim().split('\n').map(Number);
    expect(dates).toEqual([first, first, first, old, last, last, first]);
    expect(Number((await runIn(place, 'stat -c %Y .gitignore')).stdout)).toBeGreaterThan(last);
    expect((await place.changes()).changes).toEqual([]);
    expect((await runIn(place, 'git status --short; stat -c %a run.sh')).stdout).toBe(
      ' M src/a.txt\n D src/deep/er/c.txt\n?? made.txt\n?? "never read.txt"\n?? old.txt\n?? since.txt\n755\n',
    );
    // What is right already is not written again.
    const layer = path.join(place.root, '..', '..', 'base', '0');
    const written = ['src/a.txt', 'old.txt'].map((name) => existsSync(path.join(layer, name)));
    expect(written).toEqual([kind === 'overlay', false]);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('writes no recorded file outside of itself', async () => {
    stage.repository();
    const outside = path.join(stage.root, 'outside');
    mkdirSync(outside);
    writeFileSync(path.join(outside, 'victim'), 'safe');
    symlinkSync(outside, path.join(stage.project, 'out'));
    symlinkSync(path.join(outside, 'victim'), path.join(stage.project, 'victim'));
    symlinkSync(path.join(stage.project, 'src'), path.join(stage.project, 'inside'));
    symlinkSync('.git', path.join(stage.project, 'hidden'));
    const before = treeHash(stage.root);
    const place = await stage.create(kind, {
      files: [
        stage.file('out/x', 'no'),
        stage.file('victim', 'no'),
        stage.file('hidden/hooks/post-commit', 'no'),
        stage.file('.git/config', 'no'),
        stage.file('.GIT/config', 'no'),
        { ...stage.file('x', 'no'), path: `${stage.project}/../outside/x` },
        { ...stage.file('x', 'no'), path: `${stage.project}/src/../../outside/x` },
        stage.file(path.join(outside, 'y'), 'no'),
        stage.file(`${stage.project}/a\0b`, 'no'),
        { ...stage.file('x', 'no'), path: 'relative' },
        { ...stage.file('x', 'no'), path: 'C:\\Windows\\x' },
        stage.file('inside/by-link', 'yes'),
      ],
    });
    const after = treeHash(stage.root).filter((line) => !line.startsWith('home') && !line.startsWith('. '));
    expect(after).toEqual(before.filter((line) => !line.startsWith('. ')));
    expect(place.notes.join('\n')).toMatch(/3 recorded files lie outside of the project.*outside\/y/);
    expect(place.notes.join('\n')).toMatch(/5 recorded files have names that nothing is written to/);
    expect(place.notes.join('\n')).toMatch(/behind links that lead out.*out\/x.*victim.*hidden/);
    // A link that names the project absolutely leads into the user's tree from another path; only an overlay lies there itself.
    if (kind === 'overlay') expect((await runIn(place, 'cat src/by-link')).stdout).toBe('yes');
    else expect(place.notes.join('\n')).toContain('inside/by-link');
  });

  it('begins from a commit', async () => {
    const first = stage.repository();
    stage.write('src/a.txt', 'dirty\n');
    stage.write('untracked.txt', 'u\n');
    const before = treeHash(stage.project);
    const place = await stage.create(kind, {
      base: first.slice(0, 10),
      include: ['.env'],
      files: [stage.file('src/n.txt', 'n\n')],
    });
    const seen = await runIn(
      place,
      'cat src/a.txt .env; ls src; ls untracked.txt; git rev-parse HEAD; git status --short',
    );
    expect(seen.stdout).toBe(`old\nKEY=1\na.txt\ndeep\nn.txt\n${first}\n?? src/n.txt\n`);
    expect((await place.changes()).changes).toEqual([]);
    await runIn(place, 'echo 1 >>src/a.txt; echo b >src/b.txt; git add .; git commit -qm mine');
    expect(await stage.told(await place.changes())).toEqual([
      'src/a.txt: "old\\n" → "old\\n1\\n"',
      'src/b.txt: - → "b\\n"',
    ]);
    expect((await place.commits()).map(({ subject }) => subject)).toEqual(['mine']);
    expect(treeHash(stage.project)).toEqual(before);
    // The commit that is checked out anyway: without what was changed since.
    const clean = await stage.create(kind, { name: 'b2', base: 'HEAD' });
    expect((await runIn(clean, 'cat src/a.txt; git status --short; git branch --show-current')).stdout).toBe(
      'new\nmain\n',
    );
  });

  it('refuses commits that are none', async () => {
    stage.repository();
    for (const base of ['--upload-pack=touch x', 'nowhere', '-', 'HEAD:src'])
      await expect(stage.create(kind, { base })).rejects.toThrow(/no commit/);
    expect(drafts()).toEqual([]);
  });

  it('lies well in folders with odd names', async () => {
    stage.dispose();
    stage = new PlaceStage('a, b:c\\d "é"\n日本 $(touch x) -');
    stage.repository();
    const odd = 'o, d:d\\ "ü"\n本.txt';
    stage.write(`:sub (dir)/${odd}`, 'odd\n');
    stage.git('add', '.');
    stage.git('commit', '-q', '-m', 'odd');
    const before = treeHash(stage.project);
    const place = await stage.create(kind, {
      folder: path.join(stage.project, ':sub (dir)'),
      files: [stage.file(`:sub (dir)/new ${odd}`, 'restored\n')],
    });
    expect(place.projectRoot).toBe(stage.project);
    expect((await runIn(place, 'cat ./*')).stdout).toBe('restored\nodd\n');
    await runIn(place, `for f in *; do echo more >>"$f"; done; echo x >'y\t.txt'`);
    expect(await stage.told(await place.changes())).toEqual([
      `:sub (dir)/new ${odd}: "restored\\n" → "restored\\nmore\\n"`,
      `:sub (dir)/${odd}: "odd\\n" → "odd\\nmore\\n"`,
      ':sub (dir)/y\t.txt: - → "x\\n"',
    ]);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('ends everything that was started in it', async () => {
    stage.repository();
    const place = await stage.create(kind);
    const seconds = `98${Math.floor(Math.random() * 1e6)}`;
    const script = `setsid sleep ${seconds} & (sleep ${seconds} &) ; sleep ${seconds}`;
    const program = place.spawn(['sh', '-c', script], { env: userEnv });
    expect(await until(() => lives(seconds))).toBe(true);
    expect((await stage.places().list())[0]?.inUse).toBe(true);
    await expect(stage.places().remove(place.id)).rejects.toThrow(PlaceError);
    program.kill();
    expect(await program.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(lives(seconds)).toBe(false);
    // And where the program ends by itself.
    expect((await runIn(place, `setsid sleep ${seconds} >/dev/null 2>&1 & sleep 0.1; exit 7`)).exitCode).toBe(7);
    expect(lives(seconds)).toBe(false);
    expect((await stage.places().list())[0]?.inUse).toBe(false);
  });

  it('passes signals and text on to the program', async () => {
    stage.repository();
    const place = await stage.create(kind);
    const program = place.spawn(
      ['sh', '-c', 'trap "echo got it; exit 3" INT; echo ready; read line; echo "$line"; while :; do sleep 0.05; done'],
      { env: userEnv },
    );
    let text = '';
    program.onStdout((piece) => {
      text += piece;
    });
    program.stdin.write('grüße\n');
    expect(await until(() => text.includes('grüße\n'))).toBe(true);
    program.signal('SIGINT');
    expect((await program.ended).exitCode).toBe(3);
    expect(text).toBe('ready\ngrüße\ngot it\n');
  });

  it('refuses writes that leave it', async () => {
    stage.repository();
    const outside = path.join(stage.root, 'outside');
    mkdirSync(outside);
    const place = await stage.create(kind);
    const at = (name: string): string => path.join(place.path, name);
    await runIn(
      place,
      `ln -s "${outside}" out; ln -s ../../.. up; ln -s loop2 loop; ln -s loop loop2; ln -s src in; rm -r src/deep; ln -s .git g`,
    );
    for (const name of ['src/a.txt', 'new/file', 'in/a.txt', 'in/../in/n', 'src/deep/x', '.gitignore', '..a/b'])
      expect([name, await place.refusesWrite(at(name))]).toEqual([name, null]);
    expect(await place.refusesWrite(at('out/x'))).toMatch(/symbolic link leads out/);
    expect(await place.refusesWrite(at('up/x'))).toMatch(/symbolic link leads out/);
    expect(await place.refusesWrite(at('loop/x'))).toMatch(/circle/);
    expect(await place.refusesWrite(at('.git/config'))).toMatch(/git’s own folder/);
    expect(await place.refusesWrite(at('g/hooks/x'))).toMatch(/git’s own folder/);
    expect(await place.refusesWrite(at('src/../../x'))).toMatch(/outside/);
    expect(await place.refusesWrite(path.join(outside, 'x'))).toMatch(/outside/);
    expect(await place.refusesWrite('src/a.txt')).toMatch(/absolute/);
    expect(await place.refusesWrite(at('a\0b'))).not.toBeNull();
    if (kind !== 'overlay') expect(await place.refusesWrite(path.join(stage.project, 'src/a.txt'))).toMatch(/outside/);
  });

  it('notes what a change set can’t hold', async () => {
    stage.repository();
    const place = await stage.create(kind);
    await runIn(
      place,
      `truncate -s 51M large.bin; mkfifo pipe; git init -q nested; echo x >nested/x; echo 1 >SRC.txt; echo 2 >Src.txt; mkdir SRC; echo 3 >SRC/x; printf 'e\\314\\201' | xargs -I{} touch {}.txt; touch é.txt`,
    );
    const { changes, notes } = await place.changes();
    expect(changes.map((change) => change.path)).toEqual(['SRC.txt', 'SRC/x', 'Src.txt', 'e\u0301.txt', 'é.txt']);
    expect(notes.join('\n')).toMatch(/Too large to compare.*large\.bin \(53\.5 MB\)/);
    expect(notes.join('\n')).toMatch(/Repositories of their own.*nested/);
    expect(notes.join('\n')).toMatch(/ignore case or Unicode.*SRC\.txt and Src\.txt/);
    expect(notes.join('\n')).toMatch(/é\.txt and e\u0301\.txt|e\u0301\.txt and é\.txt/);
    if (kind === 'overlay') {
      expect(notes.join('\n')).toMatch(/SRC and src/);
      expect(notes.join('\n')).toMatch(/No plain files.*pipe/);
    }
  });

  it('tells what was changed also where git’s own folder was removed', async () => {
    stage.repository();
    const place = await stage.create(kind);
    await runIn(place, 'rm -rf .git; echo again >src/a.txt; rm src/b.txt; echo i >cache/i; echo n >n.txt');
    const changes = await place.changes();
    expect(await stage.told(changes)).toEqual([
      'n.txt: - → "n\\n"',
      'src/a.txt: "new\\n" → "again\\n"',
      'src/b.txt: "b\\n" → -',
    ]);
    if (kind === 'overlay') expect(changes.notes.join('\n')).toMatch(/Git doesn’t work/);
    expect(await place.commits()).toEqual([]);
  });

  it('tells a folder made anew from the one before', async () => {
    stage.repository();
    const place = await stage.create(kind, { files: [stage.file('src/r.txt', 'r\n')] });
    await runIn(
      place,
      'rm -rf src; mkdir src; echo again >src/a.txt; mv run.sh moved.sh; rm .gitignore; mkdir .gitignore; echo f >.gitignore/f',
    );
    expect(await stage.told(await place.changes())).toEqual([
      '.gitignore: "cache/\\n*.log\\n.env\\n" → -',
      '.gitignore/f: - → "f\\n"',
      'moved.sh: - → "#!/bin/sh\\n" 755',
      'run.sh: "#!/bin/sh\\n" 755 → -',
      'src/a.txt: "new\\n" → "again\\n"',
      'src/b.txt: "b\\n" → -',
      'src/deep/er/c.txt: "c\\n" → -',
      'src/r.txt: "r\\n" → -',
    ]);
  });

  it('is found again, listed and removed', async () => {
    stage.repository();
    const place = await stage.create(kind);
    await runIn(place, `echo kept >kept.txt; ln -s "${stage.project}" user; mkdir -p locked/in; chmod 0 locked`);
    const again = await stage.places().open(place.id);
    expect(again.notes).toEqual(place.notes);
    expect((await stage.create(kind)).root).toBe(place.root);
    expect((await runIn(again, 'cat kept.txt')).stdout).toBe('kept\n');
    const before = treeHash(stage.project);
    const [info] = await stage.places({ isRunKnown: () => false }).list();
    expect(info).toMatchObject({ id: place.id, kind, root: place.root, inUse: false, orphan: true });
    expect(info?.bytes).toBeGreaterThan(0);
    expect(Date.parse(info?.createdAt ?? '')).toBeLessThanOrEqual(Date.now());
    await stage.places().remove(place.id);
    expect(await stage.places().list()).toEqual([]);
    expect(drafts()).toEqual([]);
    expect(treeHash(stage.project)).toEqual(before);
    await expect(stage.places().open(place.id)).rejects.toThrow(NotFoundError);
    await stage.places().remove(place.id);
  });

  it('leaves nothing where making it fails or is broken off', async () => {
    stage.repository();
    const files = [stage.file('src/a.txt', 'x'), stage.file('src/z.txt', 'y')];
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    await expect(stage.create(kind, { files, readBlob: () => Promise.reject(full) })).rejects.toThrow(/disk is full/);
    expect(drafts()).toEqual([]);
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const order = stage.order(kind, {
      files,
      readBlob: () => {
        controller.abort(reason);
        return Promise.resolve(Buffer.from('x'));
      },
    });
    await expect(stage.places().create(order, controller.signal)).rejects.toBe(reason);
    expect(drafts()).toEqual([]);
    // What a killed maker left: both a draft, and a place without its record.
    const run = path.join(stage.home, testRun);
    mkdirSync(path.join(run, '.making-b1-x', 'living'), { recursive: true });
    const mark = { pid: process.pid, started: 'long ago', token: 'x' };
    writeFileSync(path.join(run, '.making-b1-x', 'living', 'maker'), JSON.stringify(mark));
    mkdirSync(path.join(run, 'b1', 'upper', '0', 'half'), { recursive: true });
    const place = await stage.create(kind);
    expect(drafts()).toEqual(['b1']);
    expect((await runIn(place, 'ls half')).exitCode).not.toBe(0);
  });

  it('is made beside others of the same project at once', async () => {
    const first = stage.repository();
    const before = treeHash(stage.project);
    const places = stage.places();
    const made = await Promise.all(
      ['b1', 'b2', 'b3', 'b3', 'b4'].map((name, at) =>
        places.create(
          stage.order(kind, { name, base: at % 2 === 0 ? first : null, files: [stage.file('n.txt', `${name}\n`)] }),
          new AbortController().signal,
        ),
      ),
    );
    const texts = await Promise.all(made.filter((_, at) => at !== 3).map((place) => runIn(place, 'cat n.txt')));
    expect(texts.map(({ stdout }) => stdout)).toEqual(['b1\n', 'b2\n', 'b3\n', 'b4\n']);
    expect(drafts().sort()).toEqual(['b1', 'b2', 'b3', 'b4']);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('waits for no lock of the user’s git, and leaves it', async () => {
    const first = stage.repository();
    stage.write('.git/index.lock', '');
    const before = treeHash(stage.project);
    const place = await stage.create(kind, { base: first });
    expect((await runIn(place, 'cat src/a.txt; echo 1 >>src/a.txt; git commit -qam mine')).exitCode).toBe(0);
    expect((await place.commits()).map(({ subject }) => subject)).toEqual(['mine']);
    if (kind === 'overlay') expect(place.notes.join('\n')).toMatch(/Something held index\.lock/);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('of a linked worktree keeps the repository apart', async () => {
    stage.repository();
    const linked = path.join(stage.root, 'linked');
    stage.git('worktree', 'add', '-q', '-b', 'side', linked);
    const [repository, before] = [treeHash(stage.project), treeHash(linked)];
    const place = await stage.create(kind, { folder: linked });
    const made = await runIn(
      place,
      'echo 1 >>src/a.txt; git commit -qam "on side"; git branch --show-current; git tag t',
    );
    expect(made).toEqual({ exitCode: 0, stdout: 'side\n', stderr: '' });
    expect((await place.commits()).map(({ subject }) => subject)).toEqual(['on side']);
    expect(await stage.told(await place.changes())).toEqual(['src/a.txt: "new\\n" → "new\\n1\\n"']);
    expect(treeHash(stage.project)).toEqual(repository);
    expect(treeHash(linked)).toEqual(before);
  });
});

describe.each(['overlay', 'copy'] as const)('%s without commits', (kind) => {
  it('needs no git', async () => {
    stage.write('a.txt', 'a\n');
    stage.write('.gitignore', 'dist/\n');
    const before = treeHash(stage.project);
    const place = await stage.create(kind);
    await runIn(place, 'echo b >>a.txt; echo n >n.txt; mkdir dist; echo i >dist/x');
    expect(await stage.told(await place.changes())).toEqual(['a.txt: "a\\n" → "a\\nb\\n"', 'n.txt: - → "n\\n"']);
    expect(await place.commits()).toEqual([]);
    await expect(stage.create(kind, { name: 'b2', base: 'HEAD' })).rejects.toThrow(/no git repository/);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it('takes a repository that has none', async () => {
    stage.git('init', '-q', '-b', 'main');
    stage.write('a.txt', 'a\n');
    const before = treeHash(stage.project);
    const place = await stage.create(kind);
    expect(await place.commits()).toEqual([]);
    await runIn(place, 'git add .; git commit -qm first; echo b >>a.txt');
    expect(await stage.told(await place.changes())).toEqual(['a.txt: "a\\n" → "a\\nb\\n"']);
    expect((await place.commits()).map(({ subject }) => subject)).toEqual(['first']);
    expect(treeHash(stage.project)).toEqual(before);
  });
});

describe('worktree', () => {
  it('brings the ignored files that patterns name', async () => {
    stage.repository();
    stage.write('app/.env.local', 'L=1\n');
    stage.write('.gitignore', 'cache/\n*.log\n.env*\nnode_modules/\n');
    stage.write('node_modules/x/y.js', 'y\n');
    stage.write('.worktreeinclude', '# own\nnode_modules/\n');
    stage.git('add', '.gitignore', '.worktreeinclude');
    stage.git('commit', '-q', '-m', 'ignore');
    const place = await stage.create('worktree', { include: ['.env*'] });
    expect((await runIn(place, 'cat .env app/.env.local node_modules/x/y.js; ls cache')).stdout).toBe(
      'KEY=1\nL=1\ny\n',
    );
    expect((await place.changes()).changes).toEqual([]);
  });

  it('says why it can’t be had', async () => {
    const reason = async (): Promise<string | undefined> =>
      (await stage.places().options(stage.project)).find(({ kind }) => kind === 'worktree')?.detail;
    expect(await reason()).toBe('The project is in no git repository.');
    await expect(stage.create('worktree')).rejects.toThrow(/worktree: The project is in no git repository\./);
    stage.git('init', '-q');
    expect(await reason()).toMatch(/no commits yet/);
  });

  it('says what it leaves out', async () => {
    stage.repository();
    const other = path.join(stage.root, 'other');
    execFileSync('git', ['init', '-q', other], { env: userEnv });
    execFileSync('git', ['commit', '-q', '--allow-empty', '-m', 'x'], { cwd: other, env: userEnv });
    stage.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other, 'mod');
    stage.write('.gitattributes', '*.bin filter=lfs diff=lfs merge=lfs -text\n');
    stage.git('add', '.');
    stage.git('commit', '-q', '-m', 'mod');
    const place = await stage.create('worktree');
    expect(place.notes.join('\n')).toMatch(/Submodules are empty in a worktree: mod/);
    expect(place.notes.join('\n')).toMatch(/Git LFS/);
    const overlay = await stage.create('overlay', { name: 'b2' });
    expect(overlay.notes.join('\n')).toMatch(/submodules/);
    await runIn(overlay, 'echo x >mod/x');
    expect(await overlay.changes()).toMatchObject({ changes: [], notes: [expect.stringMatching(/mod/)] });
  });
});

describe.each([
  ['loose objects', false, ''],
  ['a pack', true, ''],
  ['objects and attributes', false, '* text=auto\n'],
])('a user’s repository of %s', (_, packed, attributes) => {
  it('keeps the times of what a worktree has in common with it', async () => {
    const first = stage.repository();
    if (attributes !== '') stage.write('.gitattributes', attributes);
    // A version that the session left, and that was committed only later.
    for (const text of ['recorded\n', 'later\n']) {
      stage.write('src/a.txt', text);
      stage.git('add', '.');
      stage.git('commit', '-qm', text);
    }
    if (packed) stage.git('gc', '-q');
    const objects = path.join(stage.project, '.git', 'objects');
    for (const name of readdirSync(objects, { recursive: true }))
      utimesSync(path.join(objects, String(name)), 1e9, 1e9);
    const before = treeHash(stage.project);
    const place = await stage.create('worktree', { files: [stage.file('src/a.txt', 'recorded\n')] });
    await runIn(place, 'git commit -qam again; git checkout -q HEAD~3 -- src; git rm -q src/b.txt');
    expect(await stage.told(await place.changes())).toEqual([
      'src/a.txt: "recorded\\n" → "new\\n"',
      'src/b.txt: "b\\n" → -',
    ]);
    const other = await stage.create('worktree', { name: 'b2', base: first });
    expect(await stage.told(await other.changes())).toEqual([]);
    expect(treeHash(stage.project)).toEqual(before);
  });
});

describe.each(['worktree', 'copy'] as const)('the state of a %s', (kind) => {
  it('is equal where all that can be found in it is, and not known where something is ignored', async () => {
    stage.repository();
    for (const ignored of ['cache', '.env']) rmSync(path.join(stage.project, ignored), { recursive: true });
    const [one, two] = [await stage.create(kind), await stage.create(kind, { name: 'b2' })];
    const state = await one.state();
    expect(state).toMatch(/^[0-9a-f]{64}$/);
    expect(await two.state()).toBe(state);
    const seen = [state];
    for (const script of [
      'echo 1 >>src/a.txt',
      'git add -A',
      'git commit -qm more',
      'git branch other',
      'chmod +x src/b.txt',
    ]) {
      expect(await runIn(one, script)).toMatchObject({ exitCode: 0 });
      seen.push(await one.state());
    }
    expect(new Set(seen).size).toBe(6);
    expect(seen).not.toContain(null);
    await runIn(two, 'mkdir cache; echo built >cache/x');
    expect(await two.state()).toBeNull();
    await runIn(two, 'rm -r cache; git init -q inner; echo 1 >inner/a');
    expect(await two.state()).toBeNull();
    await runIn(two, 'rm -rf inner');
    expect(await two.state()).toBe(state);
    expect(await (await stage.create('overlay', { name: 'b3' })).state()).toBeNull();
  });
});

describe('copy', () => {
  it('is refused over a size', async () => {
    for (const name of ['a', 'b', 'c']) stage.write(name, name);
    const places = stage.places({ copyLimit: { bytes: 500_000_000, files: 2 } });
    await expect(places.create(stage.order('copy'), new AbortController().signal)).rejects.toThrow(
      /can’t clone files, and the project has more than 500 MB or 2 files/,
    );
  });

  it('leaves out what is no file, and says so', async () => {
    stage.write('a', 'a');
    execFileSync('mkfifo', [path.join(stage.project, 'pipe')]);
    const place = await stage.create('copy');
    expect(place.notes.join('\n')).toMatch(/No plain files, left out: pipe/);
    expect((await runIn(place, 'ls')).stdout).toBe('a\n');
  });
});

describe('where namespaces are forbidden', () => {
  it('overlays are refused with the reason, and a process group ends', async () => {
    stage.repository();
    const places = stage.places({ namespaces: false });
    const [overlay] = await places.options(stage.project);
    expect(overlay).toMatchObject({ kind: 'overlay', available: false, detail: expect.stringMatching(/namespaces/) });
    const place = await places.create(stage.order('auto'), new AbortController().signal);
    expect(place.kind).toBe('worktree');
    const seconds = `97${Math.floor(Math.random() * 1e6)}`;
    const program = place.spawn(['sh', '-c', `sleep ${seconds} & sleep ${seconds}`], { env: userEnv });
    expect(await until(() => lives(seconds))).toBe(true);
    program.kill();
    await program.ended;
    expect(await until(() => !lives(seconds))).toBe(true);
    expect((await runIn(place, `sleep ${seconds} & exit 4`)).exitCode).toBe(4);
    expect(await until(() => !lives(seconds))).toBe(true);
  });

  it('what left the process group ends with the program too, and it is said what nothing guards', async () => {
    stage.repository();
    const order = stage.order('worktree');
    const places = stage.places({ namespaces: false });
    const place = await places.create(order, new AbortController().signal);
    expect(place.notes.join('\n')).toMatch(/Nothing keeps commands/);
    expect(place.notes.join('\n')).not.toMatch(/may go on after the branch/);
    const seconds = `96${Math.floor(Math.random() * 1e6)}`;
    const leaves = (output: string) => `setsid sh -c 'cd /; exec sleep ${seconds}' ${output} & sleep 0.2`;
    for (const output of ['', '>/dev/null 2>&1']) {
      const ended = await runIn(place, `${leaves(output)}; echo $FORKPOINT_PLACE; exit 3`);
      expect(ended.exitCode).toBe(3);
      expect(lives(seconds)).toBe(false);
    }
    const killed = place.spawn(['sh', '-c', `${leaves('>/dev/null 2>&1')}; sleep 60`], { env: userEnv });
    expect(await until(() => lives(seconds))).toBe(true);
    killed.kill();
    await killed.ended;
    expect(lives(seconds)).toBe(false);
    expect((await places.list())[0]?.inUse).toBe(false);
  });

  it('what a command starts with nothing in its environment ends too, and nothing of the person’s', async () => {
    stage.repository();
    const places = stage.places({ namespaces: false });
    const place = await places.create(stage.order('worktree'), new AbortController().signal);
    const [ours, theirs] = ['95', '94'].map((start) => `${start}${Math.floor(Math.random() * 1e6)}`) as [
      string,
      string,
    ];
    // A terminal of the person’s in the very folder, and another place’s program.
    const own = spawn('sleep', [theirs], { cwd: place.root, stdio: 'ignore' });
    const other = await places.create(stage.order('worktree', { name: 'b2' }), new AbortController().signal);
    const beside = other.spawn(['sleep', theirs], { env: userEnv });
    try {
      const leaves = `cd /; env -i setsid sh -c 'sleep ${ours} & exec sleep ${ours}' </dev/null >/dev/null 2>&1 &`;
      const ended = await runIn(place, `(${leaves}); sleep 0.3; exit 3`);
      expect(ended).toMatchObject({ exitCode: 3, stderr: '' });
      expect(lives(ours)).toBe(false);
      expect(own.exitCode ?? own.signalCode).toBeNull();
      expect((await places.list()).map(({ inUse }) => inUse)).toEqual([true, true]);
    } finally {
      own.kill('SIGKILL');
      beside.kill();
      await beside.ended;
    }
    expect(await until(() => !lives(theirs))).toBe(true);
    expect((await places.list()).map(({ inUse }) => inUse)).toEqual([false, false]);
  });

  it('a process with nothing in its environment that nobody ended keeps its place', async () => {
    stage.repository();
    const places = stage.places({ namespaces: false });
    const place = await places.create(stage.order('worktree'), new AbortController().signal);
    const { stdout } = await runIn(place, 'cat /proc/self/limits');
    const limit = /^Max realtime timeout +(\d+) /m.exec(stdout)?.[1] ?? '';
    expect(limit).toMatch(/^1\d{18}$/);
    const left = spawn('prlimit', [`--rttime=${limit}:`, 'env', '-i', 'sleep', '60'], { cwd: '/', stdio: 'ignore' });
    try {
      expect(await until(() => lives('60'))).toBe(true);
      expect((await places.list())[0]?.inUse).toBe(true);
      await expect(places.remove(place.id)).rejects.toThrow(PlaceError);
    } finally {
      left.kill('SIGKILL');
    }
    expect(await until(() => left.exitCode !== null || left.signalCode !== null)).toBe(true);
    await places.remove(place.id);
  });

  it('a process that nobody ended is told by its environment, and keeps its place', async () => {
    stage.repository();
    const places = stage.places({ namespaces: false });
    const place = await places.create(stage.order('worktree'), new AbortController().signal);
    const { stdout } = await runIn(place, 'env | grep ^FORKPOINT_PLACE=');
    const [name = '', value = ''] = stdout.trim().split('=');
    const left = spawn('sleep', ['60'], { cwd: '/', env: { [name]: value }, stdio: 'ignore' });
    try {
      expect(await until(() => lives('60'))).toBe(true);
      expect((await places.list())[0]?.inUse).toBe(true);
      await expect(places.remove(place.id)).rejects.toThrow(PlaceError);
    } finally {
      left.kill('SIGKILL');
    }
    expect(await until(() => left.exitCode !== null || left.signalCode !== null)).toBe(true);
    await places.remove(place.id);
  });
});

describe('the user’s tree', () => {
  it('can’t be written to from a place at another path', async () => {
    stage.repository();
    const place = await stage.create('copy');
    const before = treeHash(stage.project);
    const tried = await runIn(place, `echo x >"${stage.project}/src/a.txt"; rm -rf "${stage.project}/src"`);
    expect(tried.stderr).toMatch(/Read-only file system/);
    expect(treeHash(stage.project)).toEqual(before);
  });

  it.each(['copy', 'worktree'] as const)('%s: nor can the repository of a linked worktree', async (kind) => {
    stage.repository();
    const linked = path.join(stage.root, 'linked');
    stage.git('worktree', 'add', '-q', '-b', 'side', linked);
    const place = await stage.create(kind, { folder: linked });
    const before = [treeHash(stage.project), treeHash(linked)];
    const tried = await runIn(
      place,
      `echo x >"${stage.project}/.git/description"; git -C "${linked}" tag evil; git -C "${stage.project}" branch evil
       GIT_DIR="${stage.project}/.git" git update-ref refs/heads/evil HEAD`,
    );
    expect(tried.stderr.match(/Read-only file system/g)).toHaveLength(4);
    const own = await runIn(
      place,
      'echo 1 >>src/a.txt; git commit -qam own && git tag t && git gc -q && git fsck --no-dangling; git rev-parse --git-common-dir',
    );
    expect(own).toEqual({ exitCode: 0, stdout: '.git\n', stderr: '' });
    expect((await place.commits()).map(({ subject }) => subject)).toEqual(['own']);
    expect([treeHash(stage.project), treeHash(linked)]).toEqual(before);
    expect(place.userFolders).toEqual([linked, path.join(stage.project, '.git')]);
  });

  it('is not reached by variables of git that the agent inherits', async () => {
    stage.repository();
    const place = await stage.create('worktree');
    const env = { ...userEnv, GIT_DIR: path.join(stage.project, '.git'), GIT_INDEX_FILE: '/nowhere/index' };
    const program = place.spawn(['git', 'rev-parse', '--absolute-git-dir'], { env });
    let said = '';
    program.onStdout((text) => {
      said += text;
    });
    await program.ended;
    expect(said.trim()).toBe(path.join(place.root, '.git'));
  });

  it('may hold folders that nobody may read', async () => {
    stage.write('a', 'a');
    chmodSync(stage.project, 0o755);
    expect((await stage.create('overlay')).kind).toBe('overlay');
  });
});
