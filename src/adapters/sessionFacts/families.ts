import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { groupBy } from '../../core/groupBy.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { openPlainFile } from '../plainFiles.ts';
import { BranchOrigins } from './branchOrigins.ts';
import type { ForkOrigin } from './forkOrigin.ts';
import { ForkOriginCache } from './forkOriginCache.ts';

const headBytes = 64 * 1024;

/** Which sessions were forked from which. Reads only files that look like forks, each once. */
export class Families {
  readonly #cache: ForkOriginCache;
  readonly #branches: BranchOrigins;

  /** @param home our data folder; the file `forks.json` in it caches what was found out */
  constructor(home: string) {
    this.#cache = new ForkOriginCache(join(home, 'forks.json'));
    this.#branches = new BranchOrigins(home);
  }

  /**
   * @param summaries all sessions at hand: a fork that says nothing of its origin is known by the messages it shares
   * @returns the forks among them with their origins, by file
   */
  async origins(summaries: readonly SessionSummary[]): Promise<ReadonlyMap<string, ForkOrigin>> {
    const origins = new Map<string, ForkOrigin>();
    const relatives = sharingRoots(summaries);
    const known = await this.#cache.all();
    for (const summary of summaries) {
      const others = relatives.get(summary) ?? [];
      const mayBeFork = summary.forkedFrom !== null || others.length > 0 || BranchOrigins.mayHave(summary.sessionId);
      // Nearly all are none: thousands are not waited for one by one.
      const origin = known.get(summary.file) ?? (mayBeFork ? await this.#find(summary, others) : null);
      if (origin !== null) origins.set(summary.file, origin);
    }
    await this.#cache.save();
    return origins;
  }

  async #find(summary: SessionSummary, relatives: readonly SessionSummary[]): Promise<ForkOrigin | null> {
    const noted = summary.forkedFrom === null ? await this.#branches.of(summary.sessionId) : null;
    if (noted !== null) return noted;
    // What says that it was forked from this session is none of its ancestors.
    const others = relatives.filter(({ forkedFrom }) => forkedFrom?.sessionId !== summary.sessionId);
    return summary.forkedFrom === null && others.length === 0 ? null : this.#originOf(summary, others);
  }

  async #originOf(summary: SessionSummary, others: readonly SessionSummary[]): Promise<ForkOrigin | null> {
    const { ancestors, isFirst } = await ancestorsOf(summary, others);
    // The parent of a family has nobody before it and is spared the reading.
    if (summary.forkedFrom === null && isFirst) return null;
    // Loaded here: in most listings every origin is cached.
    const { forkOrigin } = await import('./forkOrigin.ts');
    const said = await forkOrigin(summary.file).catch(() => null);
    const origin =
      said !== null && said.sessionId !== summary.sessionId ? said : await nearestAncestor(summary, ancestors);
    if (origin === null) return summary.forkedFrom;
    this.#cache.add(summary.file, origin);
    return origin;
  }
}

/** For each session those that have the record it begins with. Nearly all have none, so only the shared roots are grouped. */
function sharingRoots(summaries: readonly SessionSummary[]): ReadonlyMap<SessionSummary, SessionSummary[]> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { roots } of summaries) {
    for (const root of roots) (seen.has(root) ? shared : seen).add(root);
  }
  const found = new Map<SessionSummary, SessionSummary[]>();
  if (shared.size === 0) return found;
  const sharing = summaries.flatMap((summary) =>
    summary.roots.filter((root) => shared.has(root)).map((root) => ({ root, summary })),
  );
  const byRoot = groupBy(sharing, ({ root }) => root);
  for (const summary of summaries) {
    const same = byRoot.get(summary.roots[0] ?? '') ?? [];
    // Copies of one session in several folders are no family.
    const others = same.map((each) => each.summary).filter(({ sessionId }) => sessionId !== summary.sessionId);
    if (others.length > 0) found.set(summary, others);
  }
  return found;
}

/**
 * Those of its relatives that were there before it or have more history, the first made first; and whether it is known to
 * be the first itself.
 */
async function ancestorsOf(
  summary: SessionSummary,
  others: readonly SessionSummary[],
): Promise<{ ancestors: SessionSummary[]; isFirst: boolean }> {
  const made = await madeAt(summary);
  const [root = ''] = summary.roots;
  const dated = await Promise.all(
    others.map(async (other) => {
      const at = await madeAt(other);
      return { other, at, order: other.roots.indexOf(root) > 0 ? -1 : orderOf(at, made) };
    }),
  );
  const before = dated.filter(({ order }) => order < 0).sort((a, b) => orderOf(a.at, b.at));
  return { ancestors: before.map(({ other }) => other), isFirst: dated.every(({ order }) => order > 0) };
}

/** When a transcript was begun, in milliseconds: as its first line says, and as the file system says. */
interface MadeAt {
  said: number | null;
  born: number | null;
}

/** Negative where the first was made first, 0 where that can't be told. What lines say outlives a move to another disk. */
function orderOf(a: MadeAt, b: MadeAt): number {
  const said = a.said === null || b.said === null ? 0 : a.said - b.said;
  return said !== 0 || a.born === null || b.born === null ? said : a.born - b.born;
}

async function madeAt({ file, archived }: SessionSummary): Promise<MadeAt> {
  const said = await firstTimestamp(file).catch(() => null);
  // A copy in the archive was not made when its original was.
  const { birthtimeMs } = archived ? { birthtimeMs: 0 } : await stat(file).catch(() => ({ birthtimeMs: 0 }));
  return { said, born: birthtimeMs > 0 ? birthtimeMs : null };
}

/** Time of the first line that has one: a fork's copied lines are older, but what it notes before them is its own. */
async function firstTimestamp(file: string): Promise<number | null> {
  const handle = await openPlainFile(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(headBytes), 0, headBytes, 0);
    // Quotes inside texts are escaped, so only a key can look like this.
    const time = Date.parse(/"timestamp":"([^"\\]+)"/.exec(buffer.toString('latin1', 0, bytesRead))?.[1] ?? '');
    return Number.isNaN(time) ? null : time;
  } finally {
    await handle.close();
  }
}

/** The ancestor that has most of what the session begins with; of several the one that was made first. */
async function nearestAncestor(
  summary: SessionSummary,
  ancestors: readonly SessionSummary[],
): Promise<ForkOrigin | null> {
  const [first] = ancestors;
  if (first === undefined) return null;
  const { messageUuids } = await import('./messageUuids.ts');
  const own = (await messageUuids(summary.file, summary.bytes)) ?? [];
  let nearest: ForkOrigin = { sessionId: first.sessionId, messageUuid: null };
  let most = -1;
  for (const ancestor of ancestors) {
    const theirs = new Set(await messageUuids(ancestor.file, ancestor.bytes));
    const last = own.findLastIndex((uuid) => theirs.has(uuid));
    if (last <= most) continue;
    most = last;
    nearest = { sessionId: ancestor.sessionId, messageUuid: own[last] ?? null };
  }
  return nearest;
}
