import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { ChangeStore } from '../../core/agent/agentPorts.ts';
import type { ChangeSet, FileChange } from '../../core/changes/changes.ts';
import type { RunId } from '../../core/ids.ts';
import { ChangeNotes, type Content, contentOf, largestKept, sameContent, storeVersion } from './fileVersions.ts';
import type { IgnoredFiles } from './ignoredFiles.ts';
import { type Found, isWhiteout, type Layers } from './layers.ts';
import type { UserTree } from './userTree.ts';

export interface OverlayComparison {
  runId: RunId;
  /** As recorded. */
  root: string;
  /** Folder of the branch's layer. */
  upper: string;
  /** Of its folders those that hide what lies beneath. */
  opaque: ReadonlySet<string>;
  /** The fork point: all beneath the branch's layer. */
  below: Layers;
  /** Folder of the layer between, which nobody changes. */
  baseFolder: string;
  user: UserTree;
  ignored: IgnoredFiles | null;
  changes: ChangeStore;
}

/** What a branch's layer changes of what lies beneath. Looks at nothing that the layer doesn't mention. */
export async function overlayChanges(comparison: OverlayComparison): Promise<ChangeSet> {
  const walk = new LayerWalk(comparison);
  const [moved] = await Promise.all([comparison.user.moved(), walk.folder('')]);
  return walk.end(moved);
}

class LayerWalk {
  readonly #in: OverlayComparison;
  readonly #notes = new ChangeNotes();
  readonly #changes = new Map<string, FileChange>();

  constructor(comparison: OverlayComparison) {
    this.#in = comparison;
  }

  /** @param moved what the user changed meanwhile, in sentences */
  async end(moved: readonly string[]): Promise<ChangeSet> {
    const changes = [...this.#changes.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    await this.#noteCollisions(changes);
    return { root: this.#in.root, changes, notes: [...this.#notes.sentences(), ...moved] };
  }

  /** A folder of the layer; its name is relative, `''` for the root. */
  async folder(name: string): Promise<void> {
    const entries = (await readdir(path.join(this.#in.upper, name))).filter((entry) => entry !== '.git').sort();
    const inner = entries.map((entry) => below(name, entry));
    const ignored = (await this.#in.ignored?.among(inner)) ?? new Set();
    for (const each of inner) if (!ignored.has(each)) await this.#entry(each);
    if (!this.#in.opaque.has(name)) return;
    const own = new Set(entries);
    const hidden = (await this.#in.below.names(name)).filter((each) => !own.has(each));
    await this.#removedAll(hidden.map((each) => below(name, each)));
  }

  async #entry(name: string): Promise<void> {
    const file = path.join(this.#in.upper, name);
    const stats = await lstat(file).catch(() => null);
    // A name that is no valid UTF-8 can't be read by it.
    if (stats === null) return this.#notes.special(name);
    if (isWhiteout(stats)) return this.#removed(name);
    const before = await this.#in.below.find(name);
    if (stats.isDirectory()) {
      if (await this.#isRepository(name)) return this.#notes.repository(name);
      if (before !== null && !before.stats.isDirectory()) await this.#removed(name);
      return this.folder(name);
    }
    if (!stats.isFile() && !stats.isSymbolicLink()) return this.#notes.special(name);
    if (stats.size > largestKept) return this.#notes.large(name, stats.size);
    if (before?.stats.isDirectory())
      for await (const each of this.#in.below.files(name)) await this.#removed(each.name);
    await this.#note(name, await this.#before(name, before), await contentOf(file, stats));
  }

  async #isRepository(name: string): Promise<boolean> {
    const own = await lstat(path.join(this.#in.upper, name, '.git')).catch(() => null);
    return own === null ? (await this.#in.below.find(`${name}/.git`)) !== null : !isWhiteout(own);
  }

  async #removedAll(names: readonly string[]): Promise<void> {
    const ignored = (await this.#in.ignored?.among(names)) ?? new Set();
    for (const name of names) if (!ignored.has(name)) await this.#removed(name);
  }

  /** All files that were at a path are gone. */
  async #removed(name: string): Promise<void> {
    const before = await this.#in.below.find(name);
    if (before === null || !before.stats.isDirectory()) return this.#note(name, await this.#before(name, before), null);
    if ((await this.#in.below.find(`${name}/.git`)) !== null) return this.#notes.repository(name);
    await this.#removedAll((await this.#in.below.names(name)).map((each) => below(name, each)));
  }

  /** A file at the fork point. Where the user changed it since, that is what was committed. */
  async #before(name: string, found: Found | null): Promise<Content | null> {
    const { user, baseFolder } = this.#in;
    if (found === null)
      return !(await isMentioned(baseFolder, name)) && (await user.mayHaveLost(name)) ? user.committed(name) : null;
    if (found.stats.isDirectory()) return null;
    if (!found.file.startsWith(baseFolder + path.sep) && (await user.isNewer(found.stats.ctimeMs)))
      return user.committed(name);
    if (found.stats.size > largestKept) {
      this.#notes.large(name, found.stats.size);
      return null;
    }
    return contentOf(found.file, found.stats);
  }

  async #note(name: string, before: Content | null, after: Content | null): Promise<void> {
    if (sameContent(before, after)) return;
    const { changes, runId } = this.#in;
    this.#changes.set(name, {
      path: name,
      before: await storeVersion(changes, runId, before),
      after: await storeVersion(changes, runId, after),
    });
  }

  async #noteCollisions(changes: readonly FileChange[]): Promise<void> {
    const files = changes
      .filter(({ before, after }) => before === null && after !== null)
      .map(({ path: name }) => name);
    const gone = new Set(changes.filter(({ after }) => after === null).map(({ path: name }) => name));
    const added = new Set<string>(files);
    for (const file of files)
      for (let at = path.posix.dirname(file); at !== '.' && !added.has(at); at = path.posix.dirname(at)) {
        if ((await this.#in.below.find(at)) !== null) break;
        added.add(at);
      }
    for (const folder of new Set([...added].map((name) => path.posix.dirname(name)))) {
      const prefix = folder === '.' ? '' : folder;
      const there = (await this.#in.below.names(prefix)).map((each) => below(prefix, each));
      const own = [...added].filter((name) => path.posix.dirname(name) === folder);
      this.#notes.collidingNames(own, [...there.filter((name) => !gone.has(name)), ...own]);
    }
  }
}

function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

/** Does the layer between say anything about a path: that it is there, or that it is not? */
async function isMentioned(baseFolder: string, name: string): Promise<boolean> {
  let at = baseFolder;
  for (const part of name.split('/')) {
    at = path.join(at, part);
    const stats = await lstat(at).catch(() => null);
    if (stats === null) return false;
    if (!stats.isDirectory()) return true;
  }
  return true;
}
