import { type AppliedFile, type MergeText, planFile, type TreeFile } from '../../core/changes/applyChanges.ts';
import { refusedPath } from '../../core/changes/changePaths.ts';
import type { FileChange, FileVersion } from '../../core/changes/changes.ts';
import type { ReadVersion } from './applyToTree.ts';
import type { RepositoryGit } from './repositoryGit.ts';

interface Entry {
  mode: string;
  oid: string;
}

function sameEntry(a: Entry | null, b: Entry | null): boolean {
  return a === null || b === null ? a === b : a.mode === b.mode && a.oid === b.oid;
}

/** The files of a commit to be, which begins from another one. Neither working tree nor index of the repository are touched. */
export class CommitDraft {
  readonly #git: RepositoryGit;
  readonly #read: ReadVersion;
  readonly #merge: MergeText;
  /** Files that could not be merged. */
  readonly #whole: string[] = [];
  /** Of the commit that it begins from, with those changed so far. */
  readonly #files: Map<string, Entry>;
  /** Null stands for a file that is no longer there. */
  readonly #changed = new Map<string, Entry | null>();

  private constructor(git: RepositoryGit, files: Map<string, Entry>, read: ReadVersion, merge: MergeText) {
    this.#git = git;
    this.#files = files;
    this.#read = read;
    this.#merge = merge;
  }

  /** @param commit full id */
  static async from(commit: string, git: RepositoryGit, read: ReadVersion, merge: MergeText): Promise<CommitDraft> {
    await git.run(['read-tree', commit]);
    const files = new Map<string, Entry>();
    for (const line of (await git.run(['ls-tree', '-r', '-z', '--full-tree', commit])).toString('utf8').split('\0')) {
      const found = /^(\d{6}) \w+ ([0-9a-f]+)\t(.*)$/s.exec(line);
      if (found !== null) files.set(found[3] ?? '', { mode: found[1] ?? '', oid: found[2] ?? '' });
    }
    return new CommitDraft(git, files, read, merge);
  }

  /** Whether it differs from the commit that it begins from. */
  get isChanged(): boolean {
    return this.#changed.size > 0;
  }

  /** Takes over what a branch changed. Deleted files come first: they make way for others. */
  async take(changes: readonly FileChange[]): Promise<AppliedFile[]> {
    const filters = await this.#git.filtersOf(changes.map(({ path }) => path).filter((path) => !refusedPath(path)));
    const taken: AppliedFile[] = [];
    for (const change of [...changes].sort((a, b) => Number(a.after !== null) - Number(b.after !== null))) {
      const filter = filters.get(change.path);
      const refused =
        refusedPath(change.path) ??
        (filter === undefined ? null : `Git’s filter “${filter}” is for it, which is not run: left as it was.`);
      const conflict = { path: change.path, status: 'conflict', conflict: refused } as const;
      taken.push(refused === null ? await this.#takeFile(change) : conflict);
    }
    return taken.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async #takeFile({ path, before, after }: FileChange): Promise<AppliedFile> {
    const name = `${this.#git.prefix}${path}`;
    const entry = this.#files.get(name) ?? null;
    const said = (status: AppliedFile['status'], conflict: string | null = null): AppliedFile => ({
      path,
      status,
      conflict,
    });
    if (entry?.mode === '160000') return said('conflict', 'It is a submodule in the commit: left as it was.');
    const theirs = await this.#stored(path, after);
    if (sameEntry(entry, theirs)) return said('unchanged');
    if (theirs !== null && entry === null && this.#isInTheWay(name))
      return said('conflict', 'In the commit, a folder or a file is in its way: left out.');
    const base = await this.#stored(path, before);
    // A file that the commit has not was untracked at the fork point, or is new.
    if (entry === null || sameEntry(entry, base)) {
      this.#set(name, theirs);
      return said(theirs === null ? 'deleted' : entry === null ? 'added' : 'modified');
    }
    const versions = { base: await this.#file(base), theirs: await this.#file(theirs), ours: await this.#file(entry) };
    const planned = await planFile(path, versions, this.#merge);
    const merged =
      planned.conflict === null && planned.new !== null ? await this.#git.store(planned.new.bytes, null) : null;
    if (planned.status === 'unchanged') return said('unchanged');
    this.#set(name, merged === null ? theirs : { mode: planned.new?.mode ?? entry.mode, oid: merged });
    if (planned.conflict === null) return said(planned.status);
    this.#whole.push(path);
    return said(theirs === null ? 'deleted' : 'modified');
  }

  /** What a person must know of the commit, a sentence each. */
  get notes(): string[] {
    return this.#whole.map(
      (path) =>
        `${path}: the commit holds another version than the fork point, so the whole file is as the branch left it.`,
    );
  }

  /** A version as git would keep it: with its line ends, not with those of the working tree. */
  async #stored(path: string, version: FileVersion | null): Promise<Entry | null> {
    const file = await this.#read(version);
    if (file === null) return null;
    return { mode: file.mode, oid: await this.#git.store(file.bytes, file.mode === '120000' ? null : path) };
  }

  async #file(entry: Entry | null): Promise<TreeFile | null> {
    if (entry === null) return null;
    const bytes = await this.#git.run(['cat-file', 'blob', entry.oid]);
    return {
      mode: entry.mode === '100755' || entry.mode === '120000' ? entry.mode : '100644',
      bytes: new Uint8Array(bytes),
    };
  }

  #set(name: string, entry: Entry | null): void {
    this.#changed.set(name, entry);
    if (entry === null) this.#files.delete(name);
    else this.#files.set(name, entry);
  }

  #isInTheWay(name: string): boolean {
    const parts = name.split('/');
    if (parts.some((_, at) => at > 0 && this.#files.has(parts.slice(0, at).join('/')))) return true;
    for (const other of this.#files.keys()) if (other.startsWith(`${name}/`)) return true;
    return false;
  }

  /** Writes the tree. @returns its id */
  async writeTree(): Promise<string> {
    const none = '0'.repeat([...this.#files.values()][0]?.oid.length ?? 40);
    const entries = [...this.#changed].sort(([, a], [, b]) => Number(a !== null) - Number(b !== null));
    const input = entries.map(([name, entry]) => `${entry?.mode ?? 0} ${entry?.oid ?? none}\t${name}\0`).join('');
    await this.#git.run(['update-index', '-z', '--index-info'], input);
    return (await this.#git.run(['write-tree'])).toString('latin1').trim();
  }
}
