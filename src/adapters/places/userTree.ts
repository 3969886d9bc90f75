import { stat } from 'node:fs/promises';
import path from 'node:path';
import { plural } from '../../core/format.ts';
import { askGit, runGit } from '../git/runGit.ts';
import { type Content, someOf } from './fileVersions.ts';
import { ignoredNames, ignoreQuestions } from './ignoredFiles.ts';
import type { PlaceFolder, PlaceRecord } from './placeFolder.ts';
import { projectOf } from './projectOf.ts';
import { runToEnd } from './runToEnd.ts';

/** The user's own tree beneath an overlay, which may change while a branch works. It is only ever read. */
export class UserTree {
  readonly #place: PlaceFolder;
  readonly #record: PlaceRecord;
  #forkedMs: number | null = null;

  constructor(place: PlaceFolder, record: PlaceRecord) {
    this.#place = place;
    this.#record = record;
  }

  /** Whether something there was changed after the fork point. Modes, links and contents count: the kernel keeps that time itself. */
  async isNewer(ctimeMs: number): Promise<boolean> {
    this.#forkedMs ??= (await stat(this.#place.forkedFile)).mtimeMs;
    return ctimeMs > this.#forkedMs;
  }

  /** May a file have been there at the fork point that isn't there now? Then a folder above was changed since. */
  async mayHaveLost(name: string): Promise<boolean> {
    for (let at = path.posix.dirname(name); ; at = path.posix.dirname(at)) {
      const stats = await stat(path.join(this.#record.realRoot, at)).catch(() => null);
      if (stats !== null) return this.isNewer(stats.ctimeMs);
      if (at === '.') return true;
    }
  }

  /** A file as the commit has it that the place began with, null where it has none. */
  async committed(name: string): Promise<Content | null> {
    const { head, realRoot } = this.#record;
    if (head === null) return null;
    const options = { cwd: realRoot, config: 'user' as const };
    const listed = await askGit(['ls-tree', '-z', '--full-tree', '--end-of-options', head, name], options);
    const entry = /^(100644|100755|120000) blob ([0-9a-f]+)\t/.exec(listed?.toString('latin1') ?? '');
    if (entry === null) return null;
    const bytes = await askGit(['cat-file', 'blob', entry[2] ?? ''], options);
    return bytes === null ? null : { mode: entry[1] as Content['mode'], bytes };
  }

  /** What changed in it since the fork point, in sentences. What git ignores doesn't count. */
  async moved(): Promise<string[]> {
    const { git, realRoot } = this.#record;
    const [project, names] = await Promise.all([
      git === null ? null : projectOf(realRoot).catch(() => null),
      this.#newer(),
    ]);
    const said: string[] = [];
    const now = project?.git?.head ?? null;
    if (git !== null && now !== git.head)
      said.push(`Your checkout moved to ${now?.slice(0, 8) ?? 'no commit'} while the branch worked.`);
    if (names.length > 0)
      said.push(
        `${plural(names.length, 'path')} of your tree changed since the fork point (${someOf(names)}): where the branch has not changed them, it sees them as they are now.`,
      );
    return said;
  }

  async #newer(): Promise<string[]> {
    const { realRoot, git } = this.#record;
    const args = [
      realRoot,
      '-name',
      '.git',
      '-prune',
      '-o',
      '!',
      '-type',
      'd',
      '-cnewer',
      this.#place.forkedFile,
      '-print0',
    ];
    const { stdout } = await runToEnd('find', args);
    const names = stdout
      .toString('utf8')
      .split('\0')
      .filter((file) => file !== '')
      .map((file) => path.relative(realRoot, file).split(path.sep).join('/'))
      .sort();
    if (git === null || names.length === 0) return names;
    const input = ignoreQuestions(names);
    const told = await runGit(['check-ignore', '-z', '--stdin'], { cwd: realRoot, config: 'user', input });
    const ignored = new Set(ignoredNames(told.stdout));
    return names.filter((name) => !ignored.has(name));
  }
}
