import { appendFile, copyFile, lstat, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ChangeStore } from '../../core/agent/agentPorts.ts';
import type { ChangeSet, FileChange, FileVersion } from '../../core/changes/changes.ts';
import type { RunId } from '../../core/ids.ts';
import { makeBareRepository } from '../changes/looseObjects.ts';
import { askGit, askGitText, type GitOptions, needGit } from '../git/runGit.ts';
import { ChangeNotes, largestKept } from './fileVersions.ts';
import { alternatesLine } from './ownRepository.ts';
import { readBlobs } from './readBlobs.ts';

/**
 * States of a folder's files, kept as git trees in a repository of ours beside it: byte by byte, whatever attributes and filters the
 * project has, and without a trace in the project's own repository.
 */
export class Snapshots {
  readonly #repository: string;
  readonly #tree: string;
  /** Files that were too large to keep, and others to tell of. */
  readonly notes = new ChangeNotes();

  /** @param repository our own, absolute. @param tree the files, absolute */
  constructor(repository: string, tree: string) {
    this.#repository = repository;
    this.#tree = tree;
  }

  /**
   * Makes the repository. What the project's own one knows is not hashed or stored again.
   * @param usersObjects object folder of the user's repository, absolute, which stays there whatever becomes of the project's own one
   */
  async make(usersObjects: string | null): Promise<void> {
    await makeBareRepository(this.#repository);
    await mkdir(this.#written, { mode: 0o700 });
    const info = path.join(this.#repository, 'info');
    await mkdir(info, { recursive: true });
    await writeFile(path.join(info, 'attributes'), '* -text -filter -ident -eol -working-tree-encoding\n');
    const gitDir = await askGitText(['rev-parse', '--absolute-git-dir'], this.#own());
    await this.#read([this.#written]);
    if (gitDir !== null) await this.#takeFrom(gitDir, usersObjects);
    await this.#keepIgnoring();
  }

  async #takeFrom(gitDir: string, usersObjects: string | null): Promise<void> {
    const info = path.join(this.#repository, 'info');
    await copyFile(path.join(gitDir, 'info', 'exclude'), path.join(info, 'exclude')).catch(() => {});
    const format = await askGitText(['rev-parse', '--show-object-format'], this.#own());
    if (format !== null && format !== 'sha1') return;
    await this.#read([this.#written, path.join(gitDir, 'objects')], usersObjects);
    await this.#packTrees();
    if (await this.#storesAsIs(gitDir)) await this.#takeIndex(path.join(gitDir, 'index'));
    else await this.#takeNames();
  }

  /** Folders that stay as they were committed are not written again: as files of their own they would take longer than all else. */
  async #packTrees(): Promise<void> {
    const args = ['rev-list', '--objects', '--no-object-names', '--filter=blob:none', 'HEAD^{tree}'];
    const trees = await askGit(args, this.#own());
    if (trees === null) return;
    const to = path.join(this.#written, 'pack');
    await mkdir(to);
    await needGit(['pack-objects', '-q', '--window=0', path.join(to, 'pack')], { ...this.#own(), input: trees });
  }

  /**
   * Says where objects are read from.
   * @param ours object folders that move with the place, which is made under another name: so their paths are relative ones
   */
  async #read(ours: readonly string[], usersObjects: string | null = null): Promise<void> {
    const objects = path.join(this.#repository, 'objects');
    const lines = ours.map((folder) => alternatesLine(path.relative(objects, folder)));
    if (usersObjects !== null) lines.push(alternatesLine(usersObjects));
    await mkdir(path.join(objects, 'info'), { recursive: true });
    await writeFile(path.join(objects, 'info', 'alternates'), lines.join(''));
  }

  /** Keeps the present state. @returns the tree's id */
  async take(signal?: AbortSignal): Promise<string> {
    const options = { ...this.#options(), signal, timeoutMs: 900_000 };
    const listed = await needGit(
      ['ls-files', '-z', '--others', '--modified', '--deleted', '--exclude-standard'],
      options,
    );
    // What the project's own git tracks counts although a pattern ignores it.
    const tracked = await askGit(['ls-files', '-z', '--cached', '--ignored', '--exclude-standard'], this.#own());
    const names = new Set(`${listed.toString('utf8')}${tracked?.toString('utf8') ?? ''}`.split('\0').filter(Boolean));
    const found: Record<'kept' | 'folder', string[]> = { kept: [], folder: [] };
    for (const name of names) {
      const what = await this.#whatIs(name);
      if (what !== 'other') found[what].push(`${name}\0`);
    }
    const writing = { ...options, env: { ...options.env, ...(await this.#writtenTo()) } };
    // Where a folder stands now, the file is gone.
    const [gone, kept] = [found.folder.join(''), found.kept.join('')];
    if (gone !== '') await needGit(['update-index', '--force-remove', '-z', '--stdin'], { ...writing, input: gone });
    const update = ['update-index', '--add', '--remove', '--replace', '-z', '--stdin'];
    await needGit(update, { ...writing, input: kept });
    return (await needGit(['write-tree', '--missing-ok'], writing)).toString('latin1').trim();
  }

  /**
   * Git marks an object that it would write, and finds in a repository that it reads from, as still needed there: it changes the time
   * of its file, or of the pack that it lies in. So what is written goes where nothing else is in sight.
   */
  async #writtenTo(): Promise<Record<string, string>> {
    const isThere = await stat(this.#written).catch(() => null);
    // Places of earlier versions write to where they read from.
    return isThere === null ? {} : { GIT_OBJECT_DIRECTORY: this.#written };
  }

  /** Are there files that no state holds, for they are ignored? */
  async ignores(): Promise<boolean> {
    const args = ['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory'];
    return (await needGit(args, this.#options())).length > 0;
  }

  /** What differs between two states. @param root of the project, as recorded */
  async between(from: string, to: string, root: string, runId: RunId, changes: ChangeStore): Promise<ChangeSet> {
    const args = ['diff-tree', '-r', '-z', '--raw', '--no-renames', '--full-index', from, to];
    const fields = (await needGit(args, this.#options())).toString('utf8').split('\0');
    const entries: { name: string; modes: [string, string]; oids: [string, string] }[] = [];
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const [modeA = '', modeB = '', oidA = '', oidB = ''] = (fields[at] ?? '').replace(/^:/, '').split(' ');
      const name = fields[at + 1] ?? '';
      if (modeA === '160000' || modeB === '160000') this.notes.repository(name);
      else entries.push({ name, modes: [modeA, modeB], oids: [oidA, oidB] });
    }
    const wanted = [...new Set(entries.flatMap(({ oids }) => oids))].filter((oid) => !isNull(oid));
    const stored = new Map<string, { oid: string; bytes: number }>();
    for await (const [oid, bytes] of readBlobs(wanted, this.#options()))
      stored.set(oid, { oid: await changes.put(runId, bytes), bytes: bytes.length });
    const version = (mode: string, oid: string): FileVersion | null => {
      const blob = stored.get(oid);
      return blob === undefined ? null : { ...blob, mode: mode as FileVersion['mode'] };
    };
    const found: FileChange[] = entries
      .map(({ name, modes, oids }) => ({
        path: name,
        before: version(modes[0], oids[0]),
        after: version(modes[1], oids[1]),
      }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    await this.#noteCollisions(found);
    return { root, changes: found, notes: this.notes.sentences() };
  }

  async #noteCollisions(found: readonly FileChange[]): Promise<void> {
    const added = found.filter(({ before }) => before === null).map(({ path: name }) => name);
    if (added.length === 0) return;
    const listed = await needGit(['ls-files', '-z'], this.#options());
    this.notes.collidingNames(added, listed.toString('utf8').split('\0').filter(Boolean));
  }

  /** `kept`: its state goes into the snapshot, also where it is gone. `folder`: a folder stands where a file was. */
  async #whatIs(name: string): Promise<'kept' | 'folder' | 'other'> {
    if (name.endsWith('/')) {
      this.notes.repository(name.slice(0, -1));
      return 'other';
    }
    const stats = await lstat(path.join(this.#tree, name)).catch(() => null);
    if (stats === null || stats.isSymbolicLink()) return 'kept';
    if (stats.isDirectory()) {
      const inner = await lstat(path.join(this.#tree, name, '.git')).catch(() => null);
      if (inner === null) return 'folder';
      this.notes.repository(name);
    } else if (!stats.isFile()) this.notes.special(name);
    else if (stats.size > largestKept) this.notes.large(name, stats.size);
    else return 'kept';
    return 'other';
  }

  /** Does the project's own index name the very bytes of its files? It does where nothing changes them on their way. */
  async #storesAsIs(gitDir: string): Promise<boolean> {
    const converts = await askGitText(
      ['config', '--get-regexp', '^core\\.(autocrlf|eol|attributesfile|splitindex)$'],
      this.#own(),
    );
    if (converts !== null && converts !== '') return false;
    const listed = await askGit(['ls-files', '-z', '--cached', '--others', '--exclude-standard'], this.#own());
    const attributes = (listed ?? Buffer.from('.gitattributes')).toString('utf8').split('\0');
    if (attributes.some((name) => path.posix.basename(name) === '.gitattributes')) return false;
    const own = await readFile(path.join(gitDir, 'info', 'attributes'), 'utf8').catch(() => '');
    const shared = (await readdir(gitDir)).some((name) => name.startsWith('sharedindex.'));
    return own.trim() === '' && !shared;
  }

  /** What is ignored at the beginning stays so, whatever the branch does to `.gitignore`: it would seem to be new. */
  async #keepIgnoring(): Promise<void> {
    const args = ['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory'];
    const names = (await needGit(args, this.#options())).toString('utf8').split('\0');
    const patterns = names.filter((name) => name !== '' && !name.includes('\n')).map(ignorePattern);
    const lines = patterns.map((pattern) => `${pattern}\n`).join('');
    await appendFile(path.join(this.#repository, 'info', 'exclude'), `\n${lines}`);
  }

  async #takeIndex(from: string): Promise<void> {
    const stats = await stat(from).catch(() => null);
    if (stats === null) return;
    const to = path.join(this.#repository, 'index');
    await copyFile(from, to);
    // Git takes files that are younger than the index for changed ones.
    await utimes(to, stats.atime, stats.mtime);
  }

  get #written(): string {
    return path.join(this.#repository, 'written');
  }

  /** What the project tracks, without its word that the files are as it has them: each is hashed as it is, once. */
  async #takeNames(): Promise<void> {
    const tracked = await askGit(['ls-files', '-z', '--stage'], this.#own());
    // Of a file that a merge is under way in there are several versions, and none counts.
    const entries = (tracked?.toString('utf8') ?? '').split('\0').filter((entry) => / 0\t/.test(entry));
    if (entries.length === 0) return;
    const input = entries.map((entry) => `${entry}\0`).join('');
    await needGit(['update-index', '-z', '--index-info'], { ...this.#options(), input });
    await askGit(['update-index', '-q', '--refresh'], { ...this.#options(), timeoutMs: 900_000 });
  }

  /** The project's own git. */
  #own(): GitOptions {
    // A repository that our data folder happens to lie in is none of the project's.
    return { cwd: this.#tree, config: 'user', env: { GIT_CEILING_DIRECTORIES: path.dirname(this.#tree) } };
  }

  #options(): GitOptions {
    const env = { GIT_DIR: this.#repository, GIT_WORK_TREE: this.#tree, GIT_OPTIONAL_LOCKS: '1' };
    return { cwd: this.#tree, config: 'user', env };
  }
}

/** A pattern for exactly this file or folder. */
export function ignorePattern(name: string): string {
  return `/${name.replaceAll(/[\\*?[\]! #]/g, '\\$&')}`;
}

function isNull(oid: string): boolean {
  return /^0+$/.test(oid);
}
