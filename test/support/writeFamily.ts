import { execFileSync } from 'node:child_process';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Line, TranscriptBuilder } from './transcript.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** Folders of a git repository with a linked worktree. */
export function makeRepository(folder: string, worktree: string): void {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Sam', '-c', 'user.email=sam@example.com', ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_GLOBAL: '/dev/null' },
      stdio: 'pipe',
    });
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'README.md'), 'text');
  git('init', '-q');
  git('add', '.');
  git('commit', '-q', '-m', 'first');
  git('worktree', 'add', '-q', worktree);
}

/** Writes made-up sessions below one config folder, each last written to some days ago. */
export class FamilyWriter {
  readonly #claudeDir: string;
  #serial = 0;

  constructor(claudeDir: string) {
    this.#claudeDir = claudeDir;
  }

  /** A session of one reply a prompt, not written yet. */
  session(cwd: string, prompts: readonly string[]): TranscriptBuilder {
    this.#serial += 1;
    const builder = new TranscriptBuilder({ sessionId: `0000000${this.#serial}-1111-4111-8111-111111111111`, cwd });
    for (const prompt of prompts) {
      builder.prompt(prompt);
      builder.reply(`Reply to ${prompt}`, [], { model: 'claude-sonnet-4-5' });
    }
    return builder;
  }

  /** What `claude --fork-session` writes: the same messages under another session, which the replies name. */
  fork(parent: TranscriptBuilder, title: string): TranscriptBuilder {
    const fork = this.session(parent.cwd, []);
    const origin = { requestSessionId: parent.sessionId };
    for (const line of parent.lines) {
      fork.lines.push({ ...line, sessionId: fork.sessionId, ...(line['type'] === 'assistant' && origin) });
    }
    const last = parent.lines.at(-1);
    const own = { ...last, requestSessionId: undefined };
    fork.lines.push(
      {
        ...own,
        type: 'user',
        uuid: `${title}-1`,
        parentUuid: last?.['uuid'],
        message: { role: 'user', content: title },
      },
      { type: 'custom-title', customTitle: title, sessionId: fork.sessionId },
    );
    return fork;
  }

  /** Writes a session, with ids that no other session has unless `shared` says so. @returns its file */
  write(builder: TranscriptBuilder, daysAgo: number, idsOf = builder): string {
    const file = path.join(this.#project(builder), `${builder.sessionId}.jsonl`);
    const at = Date.now() - daysAgo * dayMs;
    const lines = builder.lines.map((line, index) => ({
      ...withIds(line, idsOf.sessionId),
      ...(line['timestamp'] !== undefined && {
        timestamp: new Date(at - (builder.lines.length - index) * 20_000).toISOString(),
      }),
    }));
    put(file, lines);
    utimesSync(file, new Date(at), new Date(at));
    return file;
  }

  /** Writes the transcript of a subagent of a session. @returns its file */
  writeSubagent(parent: TranscriptBuilder, agentId: string, meta: object, builder: TranscriptBuilder): string {
    const folder = path.join(this.#project(parent), parent.sessionId, 'subagents');
    const file = path.join(folder, `agent-${agentId}.jsonl`);
    const place = { isSidechain: true, agentId, sessionId: parent.sessionId };
    put(
      file,
      builder.lines.map((line) => ({ ...withIds(line, agentId), ...place })),
    );
    writeFileSync(path.join(folder, `agent-${agentId}.meta.json`), JSON.stringify(meta));
    return file;
  }

  #project({ cwd }: TranscriptBuilder): string {
    return path.join(this.#claudeDir, 'projects', cwd.replace(/[^a-zA-Z0-9]/g, '-'));
  }
}

function withIds(line: Line, prefix: string): Line {
  const of = (id: unknown) => (typeof id === 'string' ? `${prefix}-${id}` : id);
  const { uuid, parentUuid, sourceToolAssistantUUID } = line;
  return {
    ...line,
    ...(uuid !== undefined && { uuid: of(uuid), parentUuid: of(parentUuid) }),
    ...(sourceToolAssistantUUID !== undefined && { sourceToolAssistantUUID: of(sourceToolAssistantUUID) }),
  };
}

function put(file: string, lines: readonly Line[]): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}
