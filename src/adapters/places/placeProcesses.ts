import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isInside } from '../isInside.ts';
import { statusOf } from '../processStart.ts';
import { sha256 } from '../sha256.ts';
import { limitLine, placeVariable } from './launchScripts.ts';

/** By what a process is known, and what it starts: parents, groups and sessions can be left, this can't by accident. */
export interface ProcessKey {
  /** A variable of its environment. */
  readonly name: typeof placeVariable;
  readonly value: string;
  /**
   * Its soft limit for real-time scheduling (RLIMIT_RTTIME, in microseconds), which outlives a cleared environment (`env -i`). Nobody
   * reaches it: it is more than 30,000 years.
   */
  readonly limit: string;
}

/** @param folder of the place, absolute @returns a key of its own for each program that is started there */
export function newProcessKey(folder: string): ProcessKey {
  const limit = `${limitsOf(folder)}${String(randomInt(10 ** limitDigits)).padStart(limitDigits, '0')}`;
  return { name: placeVariable, value: `${keyOf(folder)}.${crypto.randomUUID()}`, limit };
}

function keyOf(folder: string): string {
  return sha256(folder).slice(0, 24);
}

/** Of the place, and of the program: with the 1 before them they stay below 2^63. */
const limitDigits = 9;

/** What all limits of a place begin with. */
function limitsOf(folder: string): string {
  return `1${String(Number.parseInt(sha256(folder).slice(0, 8), 16) % 10 ** limitDigits).padStart(limitDigits, '0')}`;
}

export function processIds(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/**
 * Does a process live in the place: by its folder, by what it takes for the root, or because it was started there?
 * Linux only; elsewhere the marks must do.
 */
export function livesIn(folder: string): boolean {
  const key = `${placeVariable}=${keyOf(folder)}.`;
  const limit = new RegExp(limitLine(`${limitsOf(folder)}\\d{${limitDigits}}`), 'm');
  return processIds().some(
    (id) =>
      ['cwd', 'root'].some((link) => {
        try {
          return isInside(folder, readlinkSync(`/proc/${id}/${link}`));
        } catch {
          return false;
        }
      }) ||
      environmentOf(id).some((entry) => entry.startsWith(key)) ||
      (limit.test(factsOf(id, 'limits')) && statusOf(id)?.state !== 'Z'),
  );
}

function environmentOf(id: string): string[] {
  return factsOf(id, 'environ').split('\0');
}

/** Empty where there is no such process, or where it is another user's. */
function factsOf(id: string, name: 'environ' | 'limits'): string {
  try {
    return readFileSync(`/proc/${id}/${name}`, 'latin1');
  } catch {
    return '';
  }
}

/** Waits beside a program to end what it leaves behind. */
export interface Sweeper {
  /** Ends all processes of the program's key. Resolves when none is left. */
  sweep(): Promise<void>;
}

/**
 * Starts a small program that ends all processes of a key when it is told so, and when this process is gone.
 * @param script path of the script that does it
 */
export function startSweeper(script: string, { value, limit }: ProcessKey): Sweeper {
  const child = spawn('/bin/sh', [script, value, limit], {
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    // What ends us by our process group must not end it before it has done its work.
    detached: true,
  });
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  // It waits for us, and we don't for it.
  child.unref();
  if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  return {
    sweep() {
      child.ref();
      child.stdin.end();
      return ended;
    },
  };
}
