// src/adapters/files: where bytes of old file states come from: checkpoints and commits. How they are put in order
// belongs to src/core/files.

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { FileTimeline } from '../../core/files/fileTimeline.ts';
import type { FileSources } from '../../core/files/resolveFile.ts';
import { SessionFiles } from '../../core/files/turnFiles.ts';
import type { OpenSession } from '../../core/fork/sessionStore.ts';
import { recordField, textField } from '../../core/session/jsonRecord.ts';
import type { ParsedTranscript } from '../../core/session/parseTranscript.ts';
import type { SessionTree, TranscriptFile } from '../../core/session/turnTree.ts';
import { createFileSources } from './createFileSources.ts';

type OpenSessionFiles = Pick<OpenSession, 'files' | 'fileContent' | 'commitAt'>;

function sha256OfBytes(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Sessions whose copies the transcript may name: its own, for a subagent's file the one that it belongs to, and for a fork the
 * one that it was forked from, whose lines it has taken over.
 */
function sessionIds(transcript: ParsedTranscript, file: string): string[] {
  const first = transcript.entries.find(({ uuid }) => uuid !== null)?.record;
  const parent = textField(recordField(first, 'forkedFrom'), 'sessionId');
  return [...new Set([basename(file, '.jsonl'), textField(first, 'sessionId') ?? '', parent ?? ''])];
}

/** Finds out what a session's files held at its turns. */
export function openSessionFiles(
  tree: SessionTree,
  transcript: ParsedTranscript,
  origin: TranscriptFile,
): OpenSessionFiles {
  let made: { files: SessionFiles; sources: (git: boolean) => FileSources } | null = null;
  const make = () => {
    const { turns, subagents, summary } = tree.session;
    const callOf = new Map(subagents.map(({ agentId, toolUseId }) => [agentId, toolUseId]));
    const agents = origin.subagents.map(({ agentId, transcript: own }) => ({
      toolUseId: callOf.get(agentId) ?? null,
      entries: own.entries,
    }));
    const { chain, turnOf } = tree;
    const folder = summary.projectPath;
    const timeline = new FileTimeline({ entries: transcript.entries, chain, turnOf, agents, folder, turns });
    const session = {
      file: origin.file,
      sessionIds: sessionIds(transcript, origin.file),
      folder,
      start: timeline.start,
    };
    const sources = {
      true: createFileSources(session, { git: true }),
      false: createFileSources(session, { git: false }),
    };
    return {
      files: new SessionFiles(timeline, turns, folder, sha256OfBytes),
      sources: (git: boolean) => sources[git ? 'true' : 'false'],
    };
  };
  return {
    async files(turn, { git = true, until } = {}) {
      const { files, sources } = (made ??= make());
      return files.at(turn, sources(git), until);
    },
    async fileContent(turn, path, side, { git = true, until } = {}) {
      const { files, sources } = (made ??= make());
      return files.content(turn, path, side, sources(git), until);
    },
    async commitAt(turn, side, until) {
      return (made ??= make()).files.commit(turn, side, until);
    },
  };
}
