import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createChangeStore } from '../../src/adapters/changes/createChangeStore.ts';
import { createPlaces, type PlacesOptions } from '../../src/adapters/places/createPlaces.ts';
import type { ChangeStore, Place, PlaceOrder, Places } from '../../src/core/agent/agentPorts.ts';
import type { PlacedFile } from '../../src/core/agent/agentSettings.ts';
import type { ChangeSet } from '../../src/core/changes/changes.ts';
import { blobRefSchema, runIdSchema } from '../../src/core/ids.ts';

export const testRun = runIdSchema.parse('r-1');

/** The user's environment: no settings of this machine. */
export const userEnv: Record<string, string> = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Sam',
  GIT_AUTHOR_EMAIL: 'sam@example.com',
  GIT_COMMITTER_NAME: 'Sam',
  GIT_COMMITTER_EMAIL: 'sam@example.com',
};

export interface Ran {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** Scratch folders with a project in them, and places for it. */
export class PlaceStage {
  readonly root = realpathSync(mkdtempSync(path.join(tmpdir(), 'places-')));
  readonly home = path.join(this.root, 'home', 'places');
  readonly project: string;
  readonly changes: ChangeStore = createChangeStore(this.home);
  readonly #contents = new Map<string, Uint8Array>();

  constructor(name = 'project') {
    this.project = path.join(this.root, name);
    mkdirSync(this.project);
  }

  places(options: Partial<PlacesOptions> = {}): Places {
    return createPlaces({ folder: this.home, changes: this.changes, isRunKnown: () => true, ...options });
  }

  git(...args: string[]): string {
    return execFileSync('git', args, { cwd: this.project, env: userEnv, encoding: 'utf8', stdio: 'pipe' });
  }

  write(name: string, text: string, mode = 0o644): string {
    const file = path.join(this.project, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { mode });
    return file;
  }

  /** A repository of two commits: `one` held `old`, `two` holds `new`. @returns the first commit */
  repository(): string {
    this.git('init', '-q', '-b', 'main');
    this.write('.gitignore', 'cache/\n*.log\n.env\n');
    this.write('src/a.txt', 'old\n');
    this.write('src/deep/er/c.txt', 'c\n');
    this.write('run.sh', '#!/bin/sh\n', 0o755);
    this.git('add', '.');
    this.git('commit', '-q', '-m', 'one');
    const first = this.git('rev-parse', 'HEAD').trim();
    this.write('src/a.txt', 'new\n');
    this.write('src/b.txt', 'b\n');
    this.git('add', '.');
    this.git('commit', '-q', '-m', 'two');
    this.write('cache/big', 'cached\n');
    this.write('.env', 'KEY=1\n');
    return first;
  }

  /** A recorded file; null content: it was not there. */
  file(name: string, content: string | Uint8Array | null, mode: string | null = null): PlacedFile {
    const file = path.isAbsolute(name) || name === '' ? name : path.join(this.project, name);
    if (content === null) return { path: file, content: null, mode, certainty: 'exact' };
    const ref = blobRefSchema.parse(String(this.#contents.size).padStart(64, '0'));
    this.#contents.set(ref, typeof content === 'string' ? Buffer.from(content) : content);
    return { path: file, content: ref, mode, certainty: 'exact' };
  }

  order(kind: PlaceOrder['kind'], more: Partial<Omit<PlaceOrder, 'id'>> & { name?: string } = {}): PlaceOrder {
    const { name = 'b1', ...rest } = more;
    return {
      id: { runId: testRun, name },
      kind,
      folder: this.project,
      base: null,
      files: [],
      include: [],
      readBlob: (ref) => Promise.resolve(this.#contents.get(ref) ?? Buffer.from('unknown')),
      ...rest,
    };
  }

  create(...args: Parameters<PlaceStage['order']>): Promise<Place> {
    return this.places().create(this.order(...args), new AbortController().signal);
  }

  /** Changes as `path: before → after`, with modes other than 644. */
  async told({ changes }: ChangeSet): Promise<string[]> {
    const lines: string[] = [];
    for (const { path: name, before, after } of changes) {
      const sides: string[] = [];
      for (const side of [before, after]) {
        if (side === null) sides.push('-');
        else {
          const text = Buffer.from(await this.changes.read(testRun, side.oid)).toString('utf8');
          sides.push(`${JSON.stringify(text)}${side.mode === '100644' ? '' : ` ${side.mode.slice(-3)}`}`);
        }
      }
      lines.push(`${name}: ${sides.join(' → ')}`);
    }
    return lines;
  }

  dispose(): void {
    execFileSync('chmod', ['-R', 'u+rwX', this.root], { stdio: 'ignore' });
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Runs a shell script in a place, to its end. */
export async function runIn(place: Place, script: string, cwd?: string): Promise<Ran> {
  const program = place.spawn(['sh', '-c', script], { env: userEnv, ...(cwd === undefined ? {} : { cwd }) });
  let stdout = '';
  let stderr = '';
  program.onStdout((text) => {
    stdout += text;
  });
  program.onStderr((text) => {
    stderr += text;
  });
  program.stdin.end();
  const { exitCode } = await program.ended;
  return { exitCode, stdout, stderr };
}
