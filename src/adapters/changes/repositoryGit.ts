import { BadInputError } from '../../core/errors.ts';
import { askGit, type GitOptions, needGit, runGit } from '../git/runGit.ts';

/** Git in a person's repository with an index of its own, so that the repository's own one, and who locks it, don't matter. */
export class RepositoryGit {
  readonly #options: GitOptions;
  readonly #drivers: ReadonlySet<string>;
  /** Of the folder inside the repository: empty, or with a slash at its end. */
  readonly prefix: string;

  private constructor(options: GitOptions, drivers: ReadonlySet<string>, prefix: string) {
    this.#options = options;
    this.#drivers = drivers;
    this.prefix = prefix;
  }

  /** @param index file that need not exist @throws BadInputError where the folder is in no repository */
  static async at(folder: string, index: string): Promise<RepositoryGit> {
    const plain: GitOptions = { cwd: folder, config: 'user' };
    const prefix = await askGit(['rev-parse', '--show-prefix'], plain);
    if (prefix === null)
      throw new BadInputError(
        `${folder} is not in a git repository that can be read.`,
        'Apply the branch to the folder instead, or write its patch with `forkpoint diff`.',
      );
    const names = (await needGit(['config', '-z', '--name-only', '--list'], plain)).toString('utf8').split('\0');
    const drivers = new Set(names.flatMap((name) => /^filter\.(.+)\.(?:clean|process)$/s.exec(name)?.[1] ?? []));
    const env = { GIT_INDEX_FILE: index, ...withoutFilters(drivers) };
    return new RepositoryGit({ ...plain, env }, drivers, prefix.toString('utf8').replace(/\n$/, ''));
  }

  /** @throws StorageError where git fails */
  run(args: readonly string[], input?: Uint8Array | string, env?: Record<string, string>): Promise<Buffer> {
    return needGit(args, { ...this.#options, input, env: { ...this.#options.env, ...env } });
  }

  /** What git answers, null where it fails. */
  async ask(args: readonly string[]): Promise<string | null> {
    return (await askGit(args, this.#options))?.toString('utf8').trim() ?? null;
  }

  /**
   * Stores a blob in the repository.
   * @param path whose attributes say how line ends and encoding are kept; null for the very bytes
   */
  async store(bytes: Uint8Array, path: string | null): Promise<string> {
    const how = path === null ? ['--no-filters'] : [`--path=${path}`];
    return (await this.run(['hash-object', '-w', '--stdin', ...how], bytes)).toString('latin1').trim();
  }

  /** Filters (Git LFS, encryption) that the repository's attributes want for paths. They are programs, and none is run. */
  async filtersOf(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (paths.length === 0 || this.#drivers.size === 0) return new Map();
    const told = (await this.run(['check-attr', '-z', '--stdin', 'filter'], `${paths.join('\0')}\0`))
      .toString('utf8')
      .split('\0');
    const filters = new Map<string, string>();
    for (let at = 0; at + 2 < told.length; at += 3) {
      const filter = told[at + 2] ?? '';
      if (this.#drivers.has(filter)) filters.set(told[at] ?? '', filter);
    }
    return filters;
  }

  /** Those of the paths that git ignores: not those that are in the index. */
  async ignored(paths: readonly string[]): Promise<ReadonlySet<string>> {
    if (paths.length === 0) return new Set();
    // It takes no literal paths; with this before them, none of them says anything but itself.
    const input = paths.map((path) => `./${path}\0`).join('');
    const args = ['--no-literal-pathspecs', 'check-ignore', '-z', '--stdin'];
    const { code, stdout, stderr } = await runGit(args, { ...this.#options, input });
    // 1: none is.
    if (code === 1) return new Set();
    const told = stdout.toString('utf8').split('\0');
    if (code === 0) return new Set(told.filter((path) => path !== '').map((path) => path.slice(2)));
    throw new BadInputError(
      `git can't say which of the branch's files it ignores: ${stderr}`,
      'Apply the branch to the folder instead.',
    );
  }
}

/** Settings that take the programs away from filters. Given as variables: a filter's name may hold what an argument can't. */
function withoutFilters(drivers: ReadonlySet<string>): Record<string, string> {
  const settings = [...drivers].flatMap((driver) => [
    [`filter.${driver}.clean`, ''],
    [`filter.${driver}.process`, ''],
    [`filter.${driver}.required`, 'false'],
  ]);
  const env: Record<string, string> = { GIT_CONFIG_COUNT: String(settings.length) };
  for (const [at, [key = '', value = '']] of settings.entries()) {
    env[`GIT_CONFIG_KEY_${at}`] = key;
    env[`GIT_CONFIG_VALUE_${at}`] = value;
  }
  return env;
}
