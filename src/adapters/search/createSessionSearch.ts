// src/adapters/search: the search in transcripts and its index. The index is a cache: every hit is looked up in the
// file. Records are understood by src/adapters/sessions, not here.

import { setImmediate } from 'node:timers/promises';
import type { SessionStore } from '../../core/fork/sessionStore.ts';
import type { FoundText } from '../../core/search/searchRecord.ts';
import type { SearchQuery, SessionSearch } from '../../core/search/sessionSearch.ts';
import type { RecordedSession } from '../../core/session/recordedSession.ts';
import { projectsIn } from '../claudeCode/layout.ts';
import { SessionIndex } from '../sessions/sessionIndex.ts';
import { type SearchSources, searchFiles, type TextPlace } from './searchFiles.ts';
import { TextIndex } from './textIndex.ts';
import { type Transcript, transcriptFiles } from './transcriptFiles.ts';
import { updateTextIndex } from './updateTextIndex.ts';

export interface SearchFolders {
  /** Where the index lies; made when first needed, shared with other processes. */
  index: string;
  /** Config folder of kept sessions, searched where the original is gone. */
  archive: string;
}

/** Makes the sessions of a store searchable. */
export function createSessionSearch(store: SessionStore, folders: SearchFolders): SessionSearch {
  const texts = new TextIndex(folders.index);
  const summaries = new SessionIndex(folders.index);
  const allTranscripts = () => transcriptFiles(store.folders, projectsIn(folders.archive));
  const sources: SearchSources = {
    async transcripts(query, signal) {
      const transcripts = await allTranscripts();
      // A list has its order already.
      if (!restricts(query)) return { transcripts, inOrder: (plans) => newestFirst(plans, summaries) };
      return { transcripts: onlyOf(transcripts, await sessionsOf(store, query, signal)), inOrder: (plans) => plans };
    },
    places: (transcript, found) => placesOf(store, transcript, found),
    index: texts,
  };
  const running = new Set<Promise<void>>();
  const understood = new Set<string>();
  return {
    async *search(query, { signal } = {}) {
      let end = (): void => {};
      const searching = new Promise<void>((resolve) => {
        end = resolve;
      });
      running.add(searching);
      try {
        yield* searchFiles(sources, query, signal);
      } finally {
        running.delete(searching);
        end();
      }
    },
    async *updateIndex() {
      const transcripts = newestFirst(await allTranscripts(), summaries);
      // Whoever searches goes first.
      const pause = () => (running.size > 0 ? Promise.all(running) : setImmediate());
      yield* updateTextIndex(
        texts,
        transcripts.map(({ file }) => file),
        { pause },
      );
      // Loaded here: a search needs nothing of it.
      const { warmSessionCache } = await import('../sessions/outline/warmSessionCache.ts');
      const own = transcripts.filter(({ file, sessionFile }) => file === sessionFile);
      await warmSessionCache(own, folders.index, understood, pause);
    },
  };
}

function restricts({ project, projectName, model, since, until }: SearchQuery): boolean {
  return [project, projectName, model, since, until].some((value) => value !== undefined);
}

/** Files of the sessions that a query asks about, the newest first. */
async function sessionsOf(store: SessionStore, query: SearchQuery, signal: AbortSignal | undefined): Promise<string[]> {
  const { project, since, until } = query;
  const model = query.model?.toLowerCase() ?? null;
  const name = query.projectName?.toLowerCase().normalize('NFC') ?? null;
  const sessions = await store.list({ ...(project !== undefined && { project }), ...(signal && { signal }) });
  const kept = sessions.filter(
    ({ models, firstAt, lastAt, projectPath, repository }) =>
      (name === null ||
        [projectPath, repository].some((path) => path?.toLowerCase().normalize('NFC').includes(name) === true)) &&
      (model === null || models.some((id) => id.toLowerCase().includes(model))) &&
      !(since !== undefined && lastAt !== null && Date.parse(lastAt) < Date.parse(since)) &&
      !(until !== undefined && firstAt !== null && Date.parse(firstAt) >= Date.parse(until)),
  );
  return kept.map(({ file }) => file);
}

function onlyOf(transcripts: readonly Transcript[], sessionFiles: readonly string[]): Transcript[] {
  const bySession = new Map<string, Transcript[]>(sessionFiles.map((file) => [file, []]));
  for (const transcript of transcripts) bySession.get(transcript.sessionFile)?.push(transcript);
  return [...bySession.values()].flat();
}

/**
 * By the session's last message where it is known without reading the file, else by the file's last change: who searches
 * doesn't want to wait for a list of everything.
 */
function newestFirst<T extends Transcript>(transcripts: readonly T[], summaries: SessionIndex): T[] {
  const known = summaries.summaries([...new Set(transcripts.map(({ sessionFile }) => sessionFile))]);
  const times = new Map<string, number>();
  for (const { file, sessionFile, state } of transcripts) {
    const lastAt = known.get(sessionFile)?.summary?.lastAt ?? null;
    if (lastAt !== null) times.set(sessionFile, Date.parse(lastAt));
    else if (file === sessionFile || !times.has(sessionFile)) times.set(sessionFile, state.modifiedAt);
  }
  const timeOf = ({ sessionFile }: Transcript): number => times.get(sessionFile) ?? 0;
  return transcripts.toSorted((a, b) => timeOf(b) - timeOf(a));
}

/** The session and the places of texts of one file. */
async function placesOf(
  store: SessionStore,
  { file, sessionFile }: Transcript,
  found: readonly FoundText[],
): ReturnType<SearchSources['places']> {
  try {
    const open = await store.open(file);
    const owner = file === sessionFile ? open : await store.open(sessionFile);
    const { turns, tools } = await open.places(
      found.map(({ uuid }) => uuid),
      found.map(({ toolUseId }) => toolUseId ?? ''),
    );
    const turnOfAgent = owner === open ? undefined : turnOfSubagent(owner.session, file);
    const waiting = new Set(open.session.queued.map(({ line }) => line));
    const places = found.map((text, at): TextPlace | null => {
      // Of a prompt that waited and was passed on, the message is found.
      if (text.uuid === '' && !waiting.has(text.line)) return null;
      const turnInFile = turns[at] ?? null;
      const turn = owner === open ? open.session.turns[(turnInFile ?? 0) - 1] : turnOfAgent;
      const tool = text.tool ?? tools[at] ?? null;
      return { turnId: turn?.turnId ?? null, turnIndex: turn?.index ?? null, turnInFile, tool };
    });
    return { session: owner.session.summary, places };
  } catch {
    // Deleted since it was read.
    return null;
  }
}

function turnOfSubagent({ subagents, turns }: RecordedSession, file: string) {
  const turnId = subagents.find((subagent) => subagent.file === file)?.turnId ?? null;
  return turnId === null ? undefined : turns.find((turn) => turn.turnId === turnId);
}
