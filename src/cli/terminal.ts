import pc from 'picocolors';
import { ForkpointError, messageOf } from '../core/errors.ts';
import { legalJson, plainText, printableJson, printableText } from '../core/plainText.ts';
import { cliHint } from './cliHint.ts';

/** Where the command line writes: results on stdout, all else on stderr. */
export class Terminal {
  readonly json: boolean;
  readonly colors: ReturnType<typeof pc.createColors>;
  #progress = '';
  #asking = false;

  constructor(options: { json: boolean }) {
    this.json = options.json;
    this.colors = pc.createColors(process.stdout.isTTY === true && !process.env.NO_COLOR);
  }

  /** A result for a person. Texts of recordings were cleaned with `plainText` or `oneLine` already. */
  print(text: string): void {
    this.#endProgress();
    process.stdout.write(`${printableText(text, this.colors.isColorSupported)}\n`);
  }

  /** The one JSON document of a command, or one line of a stream. */
  printJson(value: unknown, options: { indent?: boolean } = {}): void {
    this.#endProgress();
    process.stdout.write(`${printableJson(JSON.stringify(value, null, options.indent === true ? 2 : undefined))}\n`);
  }

  /** As `printJson`, but half characters of recorded texts, which jq and others refuse, are replaced. */
  printLegalJson(value: unknown): void {
    this.#endProgress();
    process.stdout.write(printableJson(legalJson(JSON.stringify(value))));
    // By itself: behind a text of megabytes it would make another one of them.
    process.stdout.write('\n');
  }

  /** Anything that is not the result. */
  note(text: string): void {
    this.#endProgress();
    process.stderr.write(`${printableText(text, this.colorsOnStderr())}\n`);
  }

  /** A line that the next one replaces; only where a person looks on. */
  progress(text: string): void {
    if (process.stderr.isTTY !== true || this.#asking || text === this.#progress) return;
    process.stderr.write(`\r\u001b[K${plainText(text).slice(0, Math.max(20, (process.stderr.columns ?? 80) - 1))}`);
    this.#progress = text;
  }

  error(error: unknown): void {
    const known = error instanceof ForkpointError ? error : null;
    const { code, message, hint, details } = known?.toJSON() ?? {
      code: 'internal',
      message: messageOf(error),
      hint: 'Please report this with the command that you ran.',
      details: null,
    };
    const step = cliHint(hint);
    if (this.json) this.printJson({ error: { code, message, hint: step, details } });
    this.note(`${pc.createColors(this.colorsOnStderr()).red('error')} ${plainText(message)}`);
    for (const problem of furtherProblems(details)) this.note(`      ${plainText(problem)}`);
    this.note(`      ${plainText(step)}`);
  }

  /** Can a person answer a question here? */
  get interactive(): boolean {
    return process.stdin.isTTY === true && process.stderr.isTTY === true;
  }

  /** @throws the signal's reason after an abort */
  async confirm(question: string, signal: AbortSignal): Promise<boolean> {
    return /^y(es)?$/i.test(await this.ask(`${question} [y/N]`, signal));
  }

  /** Asks a person for a line. @throws the signal's reason after an abort */
  async ask(question: string, signal: AbortSignal): Promise<string> {
    this.#endProgress();
    this.#asking = true;
    const { createInterface } = await import('node:readline/promises');
    const reader = createInterface({ input: process.stdin, output: process.stderr });
    // While readline holds the terminal, Ctrl+C is a key and no signal.
    reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    try {
      return (await reader.question(`${plainText(question)} `, { signal })).trim();
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      if (signal.aborted) process.stderr.write('\n');
      reader.close();
      this.#asking = false;
    }
  }

  colorsOnStderr(): boolean {
    return process.stderr.isTTY === true && !process.env.NO_COLOR;
  }

  #endProgress(): void {
    if (this.#progress !== '') process.stderr.write('\r\u001b[K');
    this.#progress = '';
  }
}

function furtherProblems(details: unknown): string[] {
  // Of a fork file with the line where that is known; of a request and of a command line, which have none, without.
  const problems = (details as { problems?: { path: string; line?: number | null; message: string }[] } | null)
    ?.problems;
  if (!Array.isArray(problems)) return [];
  return problems.slice(1).map(({ path, line, message }) => {
    const where = line == null ? '' : `line ${line}: `;
    return `${where}${path === '' ? '' : `${path}: `}${message}`;
  });
}
