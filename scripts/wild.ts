// `npm run wild -- DIR`: reads a config folder of Claude Code through every way of reading, and prints what looks wrong. Of what was
// said it prints nothing: session ids, places and numbers only, so that a fault can be reported without a transcript.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { createSessionStore } from '../src/adapters/sessions/createSessionStore.ts';
import { checkRequest } from '../src/core/api/checkRequest.ts';
import { BadInputError, ForkpointError } from '../src/core/errors.ts';
import { sizeWarning } from '../src/core/fork/recordedSize.ts';
import type { OpenSession, SessionStore } from '../src/core/fork/sessionStore.ts';
import { groupBy } from '../src/core/groupBy.ts';
import type { SessionSummary, TranscriptMessage } from '../src/core/session/recordedSession.ts';

/** Something that looks wrong. */
export interface Finding {
  kind:
    | 'damage'
    | 'list is not inspect'
    | 'reply in no turn'
    | 'left out'
    | 'size'
    | 'illegal request'
    | 'title is markup'
    | 'two conversations'
    | 'slow'
    | 'error';
  /** Beginning of the session's id. */
  session: string;
  /** Fields, turns, lines and numbers. */
  where: string;
}

/** Of long sessions so many turns are forked: the first and the last ones. */
const mostTurns = 60;
/** Opening a file takes this long at most, and this long for each of its megabytes. */
const slowFrom = { ms: 1500, msPerMegabyte: 25 };

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What of `missing` says that something recorded is not sent. It quotes nothing. */
const leftOut =
  /^tool calls that are damaged|server tools that have no counterpart|that the recording went on without|that the compaction kept/;

/** What went wrong, without its message, which may quote the transcript. */
function nameOfError(error: unknown): string {
  if (error instanceof ForkpointError) return error.code;
  return error instanceof Error ? error.name : 'unknown';
}

function differences(listed: SessionSummary, opened: SessionSummary): string[] {
  const names = Object.keys(listed) as (keyof SessionSummary)[];
  return names.filter((name) => JSON.stringify(listed[name]) !== JSON.stringify(opened[name]));
}

async function repliesInNoTurn(open: OpenSession): Promise<string[]> {
  const found: string[] = [];
  for await (const { uuid, line, type, turnId, message } of open.messages()) {
    const { model, usage } = (message ?? {}) as { model?: unknown; usage?: { output_tokens?: number } };
    if (type !== 'assistant' || turnId !== null || model === '<synthetic>') continue;
    if (!isInline(open, uuid)) found.push(`line ${line}, ${String(usage?.output_tokens ?? 'no')} tokens`);
  }
  return found;
}

/** Version 1.0 kept subagents in the session's file, whose replies are in no turn of it. */
function isInline({ session }: OpenSession, uuid: TranscriptMessage['uuid']): boolean {
  return session.subagents.some(({ file, agentId }) => file === session.summary.file && agentId !== uuid);
}

async function* forkFindings(open: OpenSession): AsyncGenerator<Omit<Finding, 'session'>> {
  const { turns } = open.session;
  const asked = turns.length <= mostTurns ? turns : [...turns.slice(0, mostTurns / 2), ...turns.slice(-mostTurns / 2)];
  for (const { index } of asked) {
    try {
      const { rebuilt } = await open.forkAt({ turn: index }, 0);
      const size = /about (\d[\d.]*[kM]?) tokens, this one is about (\d[\d.]*\d[kM]?|\d[kM]?)/;
      const [, recorded, built] = size.exec(sizeWarning(rebuilt.missing) ?? '') ?? [];
      if (recorded !== undefined)
        yield { kind: 'size', where: `turn ${index}: ${recorded} recorded, ${built} rebuilt` };
      for (const text of rebuilt.missing.filter((each) => leftOut.test(each)))
        yield { kind: 'left out', where: `turn ${index}: ${text}` };
      const rules = new Set(checkRequest(rebuilt.request).map(({ rule }) => rule));
      if (rules.size > 0) yield { kind: 'illegal request', where: `turn ${index}: ${[...rules].join(', ')}` };
    } catch (error) {
      const code = nameOfError(error);
      // Nothing to go on from, or no reply that names a model: it is refused in words.
      if (code !== 'bad_fork_point') yield { kind: 'error', where: `fork before turn ${index}: ${code}` };
    }
  }
}

async function* sessionFindings(summary: SessionSummary, open: OpenSession): AsyncGenerator<Omit<Finding, 'session'>> {
  const fields = differences(summary, open.session.summary);
  if (fields.length > 0) yield { kind: 'list is not inspect', where: fields.join(', ') };
  if (open.session.turns.length !== summary.turns)
    yield { kind: 'list is not inspect', where: `${summary.turns} turns listed, ${open.session.turns.length} shown` };
  if (/^\s*<\/?[a-z][\w-]*>/.test(summary.title)) yield { kind: 'title is markup', where: 'title' };
  const { problems } = open.session;
  const [first] = problems;
  if (first !== undefined)
    yield {
      kind: 'damage',
      where: `${problems.length}, the first at line ${first.line}: ${[...new Set(problems.map(({ kind }) => kind))].join(', ')}`,
    };
  const stray = await repliesInNoTurn(open);
  if (stray.length > 0) yield { kind: 'reply in no turn', where: `${stray.length}, the first at ${stray[0] ?? ''}` };
  yield* forkFindings(open);
}

/** Ids under which several files lie that don't hold the same. */
async function* ambiguousIds(store: SessionStore, listed: readonly SessionSummary[]): AsyncGenerator<Finding> {
  for (const [id, files] of groupBy(listed, ({ sessionId }) => sessionId)) {
    if (files.length < 2) continue;
    try {
      await store.open(id);
    } catch (error) {
      const isAmbiguous = error instanceof BadInputError;
      const where = isAmbiguous ? `${files.length} files` : `open by id: ${nameOfError(error)}`;
      yield { kind: isAmbiguous ? 'two conversations' : 'error', session: id.slice(0, 8), where };
    }
  }
}

/**
 * What looks wrong in a config folder.
 * @param claudeDir absolute path of the folder above `projects`
 */
export async function* wildFindings(claudeDir: string): AsyncGenerator<Finding> {
  const store = createSessionStore({ claudeDirs: [claudeDir], sha256 });
  const listed = await store.list();
  yield* ambiguousIds(store, listed);
  for (const summary of listed) {
    const session = summary.sessionId.slice(0, 8);
    try {
      const begun = performance.now();
      const open = await store.open(summary.file);
      const took = Math.round(performance.now() - begun);
      if (took > slowFrom.ms + (slowFrom.msPerMegabyte * summary.bytes) / 1e6)
        yield { kind: 'slow', session, where: `${took} ms to open ${Math.round(summary.bytes / 1e6)} MB` };
      for await (const finding of sessionFindings(summary, open)) yield { ...finding, session };
    } catch (error) {
      yield { kind: 'error', session, where: `open: ${nameOfError(error)}` };
    }
  }
}

async function main(folder: string | undefined): Promise<number> {
  if (folder === undefined) {
    console.error('Usage: npm run wild -- DIR, the folder above `projects`');
    return 2;
  }
  let count = 0;
  for await (const { kind, session, where } of wildFindings(path.resolve(folder))) {
    count += 1;
    console.log(`${session}  ${kind}: ${where}`);
  }
  console.log(count === 0 ? 'Nothing looks wrong.' : `${count} findings.`);
  return count === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(process.argv[2]);
