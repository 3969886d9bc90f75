// src/adapters/sessions: session files: listed, opened, watched, read only. Their layout on disk belongs to
// src/adapters/claudeCode, their meaning to src/core/session.

import { isAbsolute, resolve } from 'node:path';
import { BadInputError, NotFoundError } from '../../core/errors.ts';
import type { SessionStore } from '../../core/fork/sessionStore.ts';
import { plural } from '../../core/format.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import type { Sha256 } from '../../core/sha256.ts';
import { projectsIn } from '../claudeCode/layout.ts';
import { plainFile } from '../plainFiles.ts';
import type { OpenSessions } from './openSessions.ts';
import type { OutlineIndex } from './outline/outlineIndex.ts';
import { projectMatcher, type SessionFile, SessionFolders } from './sessionFolders.ts';
import { SessionIndex } from './sessionIndex.ts';
import { watchSessions } from './watchSessions.ts';

/** Newest first; sessions without a time come last, by name so that the order is stable. */
function byTime(sessions: readonly SessionSummary[]): SessionSummary[] {
  const timed = sessions.map((session) => ({ session, at: session.lastAt === null ? 0 : Date.parse(session.lastAt) }));
  timed.sort((a, b) => (a.at !== b.at ? b.at - a.at : a.session.file < b.session.file ? -1 : 1));
  return timed.map(({ session }) => session);
}

function isPath(session: string): boolean {
  return isAbsolute(session) || session.endsWith('.jsonl') || session.includes('/') || session.includes('\\');
}

async function fileAt(session: string): Promise<string> {
  const file = resolve(session);
  const stats = await plainFile(file).catch(() => null);
  if (stats !== null) return file;
  throw new NotFoundError(
    `There is no transcript at ${file}.`,
    'Give the path of a .jsonl file, or a session id from `forkpoint list`.',
    { path: file },
  );
}

/**
 * One session may lie in several places: its folder was copied, or another folder has a few notes on it.
 * @returns the one that is listed
 * @throws BadInputError where two hold different conversations: which one is meant only its path says
 */
async function theListed(folders: SessionFolders, files: readonly SessionFile[]): Promise<string> {
  const [first] = files;
  if (first !== undefined && files.length === 1) return first.file;
  const summaries = await Promise.all(files.map(({ file }) => folders.summary(file)));
  const [listed, ...others] = summaries.filter((summary) => summary !== null);
  if (listed === undefined) return first?.file ?? '';
  const all = [listed, ...others];
  const same =
    others.length === 0 || (await import('./sameConversation.ts')).isSameConversation(all.map(({ file }) => file));
  if (same) return listed.file;
  const named = all.map(({ file, turns }) => `${file} (${plural(turns, 'turn')})`);
  throw new BadInputError(
    `${all.length} files hold different conversations under the id ${listed.sessionId}: ${named.join(', ')}.`,
    'Give the path of the one that you mean.',
    { matches: all.map(({ file }) => file) },
  );
}

async function fileOfId(folders: SessionFolders, id: string): Promise<string> {
  const files = await folders.files();
  const same = files.filter(({ sessionId }) => sessionId === id);
  if (same.length > 0) return theListed(folders, same);
  const starting = id === '' ? [] : files.filter(({ sessionId }) => sessionId.startsWith(id));
  const ids = [...new Set(starting.map(({ sessionId }) => sessionId))];
  if (ids.length === 1) return theListed(folders, starting);
  if (ids.length === 0) {
    throw new NotFoundError(
      `There is no session ${JSON.stringify(id)}.`,
      'List the sessions with `forkpoint list`; `--claude-dir` says where they lie.',
      {
        folders: folders.roots,
      },
    );
  }
  throw new BadInputError(
    `${ids.length} sessions begin with ${JSON.stringify(id)}.`,
    'Give more characters of the id.',
    { matches: ids.slice(0, 20) },
  );
}

/** Loaded when first needed, as most listings need none of it. */
async function loadOutlines(index: string | undefined): Promise<OutlineIndex | null> {
  return index === undefined ? null : new (await import('./outline/outlineIndex.ts')).OutlineIndex(index);
}

async function loadOpenSessions(sha256: Sha256, loading: Promise<OutlineIndex | null>): Promise<OpenSessions> {
  const [{ OpenSessions }, outlines] = await Promise.all([import('./openSessions.ts'), loading]);
  return new OpenSessions(sha256, outlines);
}

/**
 * Sessions that Claude Code recorded under some config folders. Nothing is ever written there.
 * @param options `claudeDirs`: absolute paths of config folders (the parents of `projects`), existing or not; `archive`:
 * a folder laid out like them with copies of sessions, read where the originals are gone; `index`: a folder where what was
 * read is cached for other processes, default: nowhere
 */
export function createSessionStore(options: {
  claudeDirs: readonly string[];
  archive?: string;
  index?: string;
  sha256: Sha256;
}): SessionStore {
  const archive = options.archive === undefined ? null : projectsIn(options.archive);
  const originals = options.claudeDirs.map(projectsIn);
  const roots = [...new Set([...originals, ...(archive === null ? [] : [archive])])];
  let loaded: Promise<OutlineIndex | null> | null = null;
  const outlines = () => (loaded ??= loadOutlines(options.index));
  const folders = new SessionFolders(
    roots,
    archive,
    options.index === undefined ? null : new SessionIndex(options.index),
    async () => (await outlines())?.forgetGone(),
  );
  let opened: Promise<OpenSessions> | null = null;
  return {
    folders: roots,
    async list({ project, limit, signal } = {}) {
      const matches = project === undefined ? () => true : await projectMatcher(project);
      const summaries = await folders.summaries(await folders.files(), signal);
      const listed = byTime(summaries.filter(matches));
      return limit === undefined ? listed : listed.slice(0, limit);
    },
    async open(session) {
      opened ??= loadOpenSessions(options.sha256, outlines());
      const open = await (await opened).open(
        isPath(session) ? await fileAt(session) : await fileOfId(folders, session),
      );
      open.session.summary = await folders.named(open.session.summary);
      return open;
    },
    watch: (listener) => watchSessions(folders, listener),
  };
}
