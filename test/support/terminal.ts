import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/** A program in a terminal of its own, typed into and read like a person would. */
export interface Terminal {
  /** Sends keys as they are: `\r` is Enter, `\x1b` Escape. */
  press(keys: string): void;
  /** Types a line and sends it when the program has taken it in. */
  say(line: string): Promise<void>;
  /** Settles when the pattern shows up in what was printed since the last call. @throws after half a minute, with the screen */
  shows(pattern: RegExp): Promise<void>;
  /** Settles when the program has printed nothing for a moment, or has gone on printing for longer than typing takes. */
  settles(): Promise<void>;
  /** Settles when the program has ended. */
  ended: Promise<void>;
}

const limitMs = 30_000;
const quietMs = 250;
const longestUnrestMs = 1500;

/**
 * Starts a program in a pseudo-terminal of 120 × 40, which util-linux's `script` gives: every Debian has it, and nothing native
 * is to be built.
 */
export function openTerminal(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: Record<string, string> },
): Terminal {
  const quoted = [command, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('script', ['-qfec', `stty cols 120 rows 40; exec ${quoted}`, '/dev/null'], {
    cwd: options.cwd,
    env: { ...options.env, TERM: 'xterm-256color', SHELL: '/bin/bash' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let printed = '';
  let read = 0;
  let wake = (): void => undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString('utf8');
    wake();
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve());
  });
  /** @returns whether something was printed meanwhile */
  const printsWithin = (ms: number): Promise<boolean> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  const settles = async (): Promise<void> => {
    const deadline = performance.now() + longestUnrestMs;
    while (performance.now() < deadline && (await printsWithin(quietMs)));
  };
  const press = (keys: string): void => void child.stdin.write(keys);
  return {
    press,
    settles,
    async say(line) {
      press(line);
      await settles();
      press('\r');
    },
    async shows(pattern) {
      const from = read;
      const deadline = performance.now() + limitMs;
      // Words are set apart by moving the cursor, not by spaces, so a pattern is compared without them.
      while (!pattern.test(stripVTControlCharacters(printed.slice(from)).replace(/\s+/g, ''))) {
        if (performance.now() > deadline) {
          child.kill('SIGKILL');
          throw new Error(`The terminal does not show ${pattern}:\n${stripVTControlCharacters(printed.slice(from))}`);
        }
        await printsWithin(1000);
      }
      read = printed.length;
    },
    ended,
  };
}
