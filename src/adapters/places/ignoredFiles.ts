import type { PlaceProcess } from '../../core/agent/agentPorts.ts';
import { PlaceError } from '../../core/errors.ts';
import { gitArguments } from '../git/runGit.ts';

/** Asks git what it ignores, in one long-lived process that the first question starts. */
export class IgnoredFiles {
  readonly #startIt: (command: readonly string[]) => PlaceProcess;
  #process: PlaceProcess | null = null;
  #text = '';
  #said = '';
  #wake: () => void = () => {};
  #over = false;

  /** @param start starts the command in the root of the files */
  constructor(start: (command: readonly string[]) => PlaceProcess) {
    this.#startIt = start;
  }

  #start(): PlaceProcess {
    const question = ['check-ignore', '-z', '--stdin', '--verbose', '--non-matching'];
    const started = this.#startIt(['git', ...gitArguments('user', question)]);
    started.onStdout((text) => {
      this.#text += text;
      this.#wake();
    });
    started.onStderr((text) => {
      this.#said += text;
    });
    void started.ended.then(() => {
      this.#over = true;
      this.#wake();
    });
    return started;
  }

  /**
   * @param names relative to the root, in no folder that is a link or a repository of its own
   * @returns those of them that are ignored; what git tracks never is
   */
  async among(names: readonly string[]): Promise<Set<string>> {
    if (names.length === 0) return new Set();
    this.#process ??= this.#start();
    this.#process.stdin.write(ignoreQuestions(names));
    // Four fields for each: file of the pattern, line, pattern, name.
    let fields: string[] = [];
    for (;;) {
      fields = this.#text.split('\0');
      if (fields.length > names.length * 4) break;
      if (this.#over)
        throw new PlaceError(
          `git can’t say which files it ignores: ${this.#said.trim()}`,
          'See whether the repository is sound: git fsck.',
        );
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#text = '';
    return new Set(names.filter((_, at) => isIgnoring(fields[at * 4] ?? '', fields[at * 4 + 2] ?? '')));
  }

  async close(): Promise<void> {
    this.#process?.stdin.end();
    await this.#process?.ended;
  }
}

/** Input of `git check-ignore -z --stdin`. It takes a colon at the beginning for the start of a pattern. */
export function ignoreQuestions(names: readonly string[]): string {
  return names.map((name) => `./${name}\0`).join('');
}

/** Names in the output of `git check-ignore -z`. */
export function ignoredNames(output: Buffer): string[] {
  return output
    .toString('utf8')
    .split('\0')
    .flatMap((name) => (name === '' ? [] : [name.slice(2)]));
}

/** A pattern that begins with `!` takes files out of the ignored ones. */
function isIgnoring(file: string, pattern: string): boolean {
  return file !== '' && !pattern.startsWith('!');
}
