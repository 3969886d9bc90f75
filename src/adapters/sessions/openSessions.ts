import { basename } from 'node:path';
import { LRUCache } from 'lru-cache';
import { NotFoundError } from '../../core/errors.ts';
import type { SessionRequests } from '../../core/fork/sessionRequests.ts';
import type { OpenSession } from '../../core/fork/sessionStore.ts';
import { hitPlaces } from '../../core/search/hitPlaces.ts';
import type { ParsedTranscript } from '../../core/session/parseTranscript.ts';
import type { Turn, TurnOutline } from '../../core/session/recordedSession.ts';
import { SessionBuilder, type SessionTree, type TranscriptFile } from '../../core/session/turnTree.ts';
import type { Sha256 } from '../../core/sha256.ts';
import { fileErrorCode } from '../fileErrors.ts';
import { notIdle, whenIdle } from '../whenIdle.ts';
import type { CachedSession } from './outline/cachedSession.ts';
import type { Outlines } from './outline/outlineIndex.ts';
import { SessionFiles } from './sessionFiles.ts';
import { withSpilledOutput } from './spilledOutput.ts';

/** So many sessions stay read, the last ones: a person looks at few at a time. */
const mostKept = 3;
/** After so long without a question nothing stays read. */
const idleMs = 60_000;

/** Opens sessions, and caches of the last ones what was read, so that an append costs no more than it is long. */
export class OpenSessions {
  readonly #sha256: Sha256;
  readonly #outlines: Outlines | null;
  readonly #kept = new LRUCache<string, { files: SessionFiles; builder: SessionBuilder }>({
    max: mostKept,
    dispose: ({ files }) => files.close(),
  });
  #forgetting: NodeJS.Timeout | null = null;

  /** @param outlines where those of long files are cached for other processes; null for nowhere */
  constructor(sha256: Sha256, outlines: Outlines | null) {
    this.#sha256 = sha256;
    this.#outlines = outlines;
  }

  /** @throws NotFoundError where the file can't be read */
  async open(file: string): Promise<OpenSession> {
    const { files } = this.#use(file);
    const cached = await this.#reading(file, files.recall());
    return cached === null ? this.#openWhole(file) : this.#openCached(file, cached);
  }

  async #openWhole(file: string): Promise<OpenSession> {
    const { files, builder } = this.#use(file);
    const read = await this.#reading(file, files.read());
    const tree = builder.build(read.transcript, read.origin);
    if (read.states !== null) whenIdle(files, () => files.cache(tree, read));
    return openSession(tree, read, this.#sha256);
  }

  /** Goes through all records only when something is asked that they have to answer together. */
  #openCached(file: string, cached: CachedSession): OpenSession {
    const { session } = cached;
    const { turns } = session;
    let whole: Promise<OpenSession> | null = null;
    const openWhole = () => {
      whole ??= this.#openWhole(file).then((open) => checkSame(open, turns, file));
      // What could not be read now is tried again by the next question.
      whole.catch(() => {
        whole = null;
      });
      return whole;
    };
    return {
      session,
      async turns(indexes) {
        const read = await ifCached(() => wholeTurns(cached, indexes));
        return read === null ? (await openWhole()).turns(indexes) : withSpilledOutput(read, file);
      },
      async *messages() {
        yield* (await openWhole()).messages();
      },
      async *requests() {
        yield* (await openWhole()).requests();
      },
      forkAt: async (point, following) =>
        (whole === null ? await ifCached(() => cached.forkAt(point, following, this.#sha256)) : null) ??
        (await openWhole()).forkAt(point, following),
      branchChain: async (point) => (await openWhole()).branchChain(point),
      places: async (...asked) => (await openWhole()).places(...asked),
      files: async (...asked) => (await openWhole()).files(...asked),
      fileContent: async (...asked) => (await openWhole()).fileContent(...asked),
      commitAt: async (...asked) => (await openWhole()).commitAt(...asked),
    };
  }

  async #reading<T>(file: string, read: Promise<T>): Promise<T> {
    return read.catch((error: unknown) => {
      this.#kept.delete(file);
      throw new NotFoundError(
        `The session ${basename(file)} can't be read (${fileErrorCode(error) ?? 'error'}).`,
        `Check that you may read ${file}.`,
        undefined,
        { cause: error },
      );
    });
  }

  /** The session as the last one that was asked for; those that were not for long are forgotten. */
  #use(file: string) {
    notIdle();
    const used = this.#kept.get(file) ?? {
      files: new SessionFiles(file, this.#outlines),
      builder: new SessionBuilder(),
    };
    this.#kept.set(file, used);
    this.#forgetting?.refresh();
    this.#forgetting ??= setTimeout(() => this.#forgetAll(), idleMs).unref();
    return used;
  }

  #forgetAll(): void {
    this.#forgetting = null;
    this.#kept.clear();
  }
}

function wholeTurns(cached: CachedSession, indexes: readonly number[]): Turn[] {
  const { turns } = cached.session;
  return indexes.flatMap((index) => turns[index - 1] ?? []).map((turn) => cached.wholeTurn(turn));
}

/** Null where something is no longer cached, or the file no longer holds it where it was. */
async function ifCached<T>(read: () => T | Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof NotFoundError) return null;
    throw error;
  }
}

/** @throws NotFoundError where the file holds other turns than those that were shown of it */
function checkSame(open: OpenSession, shown: readonly TurnOutline[], file: string): OpenSession {
  if (shown.every(({ turnId }, at) => open.session.turns[at]?.turnId === turnId)) return open;
  throw new NotFoundError(`The session's file was replaced while it was open: ${file}.`, 'Open the session again.');
}

function openSession(
  tree: SessionTree,
  { transcript, origin }: { transcript: ParsedTranscript; origin: TranscriptFile },
  sha256: Sha256,
): OpenSession {
  // Loaded when asked for: most commands ask for one of them or none.
  let requests: Promise<SessionRequests> | null = null;
  const loadRequests = () =>
    (requests ??= import('../../core/fork/sessionRequests.ts').then(({ createSessionRequests }) =>
      createSessionRequests(tree, transcript, origin.subagents, sha256),
    ));
  let files: Promise<Pick<OpenSession, 'files' | 'fileContent' | 'commitAt'>> | null = null;
  const loadFiles = () =>
    (files ??= import('../files/openSessionFiles.ts').then(({ openSessionFiles }) =>
      openSessionFiles(tree, transcript, origin),
    ));
  return {
    session: tree.session,
    async turns(indexes) {
      const turns = indexes.flatMap((index) => tree.session.turns[index - 1] ?? []);
      return withSpilledOutput(
        turns.map((turn) => tree.wholeTurn(turn)),
        origin.file,
      );
    },
    async *messages() {
      yield* tree.messages();
    },
    async *requests() {
      yield* (await loadRequests()).recorded();
    },
    forkAt: async (point, following) => (await loadRequests()).forkAt(point, following),
    async branchChain(point) {
      const [{ branchChain }, log] = await Promise.all([
        import('../../core/fork/agent/branchChain.ts'),
        loadRequests(),
      ]);
      return branchChain(tree, transcript.entries, point, log);
    },
    places: async (uuids, toolUseIds) => hitPlaces(tree, uuids, toolUseIds),
    files: async (...asked) => (await loadFiles()).files(...asked),
    fileContent: async (...asked) => (await loadFiles()).fileContent(...asked),
    commitAt: async (...asked) => (await loadFiles()).commitAt(...asked),
  };
}
