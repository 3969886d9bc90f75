import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createSessionStore } from '../../../src/adapters/sessions/createSessionStore.ts';
import { checkRequest } from '../../../src/core/api/checkRequest.ts';
import { ForkPointError, ForkpointError } from '../../../src/core/errors.ts';
import type { ForkPoint } from '../../../src/core/fork/forkRequest.ts';
import type { SessionSummary } from '../../../src/core/session/recordedSession.ts';
import { filesReport } from '../../../src/views/filesAtTurn/filesReport.ts';
import { conversationOf, locateCut, rowParts, wireRows } from '../../../src/views/forkPanel/conversation.ts';
import { problemsDocument } from '../../../src/views/problems/problemsDocument.ts';
import { endOfConversation } from '../../../src/views/sessionTree/endOfConversation.ts';
import { findSessions } from '../../../src/views/sessionTree/findSession.ts';
import { groupSessions } from '../../../src/views/sessionTree/groupSessions.ts';
import { sessionChildren, turnChildren } from '../../../src/views/sessionTree/sessionChildren.ts';
import type { SessionNode, SessionTreeNode } from '../../../src/views/sessionTree/sessionNodes.ts';
import { sessionRow } from '../../../src/views/sessionTree/sessionRows.ts';
import { sessionTooltip } from '../../../src/views/sessionTree/sessionTooltips.ts';
import { turnDocument } from '../../../src/views/sessionTree/turnDocument.ts';
import { type FaultySession, writeFaultFolder } from '../../support/faultFolder.ts';
import { unsafeIn } from '../../support/hostile.ts';
import { sha256 } from '../../support/transcript.ts';

/* Every fault of a transcript through every view: what they are made of is read here by the real store. */

const claudeDir = mkdtempSync(join(tmpdir(), 'faults-'));
const sessions = writeFaultFolder(claudeDir);
const store = createSessionStore({ claudeDirs: [claudeDir], sha256 });
const listing = store.list();
afterAll(() => rmSync(claudeDir, { recursive: true, force: true }));

const nodeOf = (summary: SessionSummary): SessionNode => ({
  kind: 'session',
  id: summary.file,
  file: summary.file,
  summary,
});

function expectShown(node: SessionTreeNode): void {
  const { label, description, accessibilityLabel } = sessionRow(node, {
    now: Date.now(),
    projectPath: '/work/slug-tools',
  });
  expect(label).not.toBe('');
  const tooltip = sessionTooltip(node, { titleOf: () => 'Title' });
  for (const text of [label, description, accessibilityLabel, tooltip]) expect(unsafeIn(text)).toBeNull();
}

it('the tree has a row for each, with its problems, and the picker finds each by its words', async () => {
  const listed = await listing;
  const [project, ...more] = groupSessions(listed.map(nodeOf), ['/work/slug-tools']);
  expect(more).toEqual([]);
  expect(project?.sessions.map(({ summary }) => summary.sessionId).sort()).toEqual(
    sessions.map(({ sessionId }) => sessionId).sort(),
  );
  for (const { sessionId, isNamed } of sessions) {
    const node = project?.sessions.find(({ summary }) => summary.sessionId === sessionId);
    if (node === undefined) throw new Error(`${sessionId} has no row.`);
    expectShown(node);
    expect(node.summary.problems > 0).toBe(isNamed);
    expect(findSessions([{ summary: node.summary, prompts: [] }], sessionId, 5)).toHaveLength(1);
  }
});

const cases = sessions.map((session) => [session.sessionId, session] as const);

describe.each(cases)('%s', (_name, { file, prompts, uuids, isNamed }: FaultySession) => {
  it('is whole in the tree, the documents and the panel', async () => {
    const { session, ...open } = await store.open(file).then((opened) => ({
      session: opened.session,
      turns: (indexes: number[]) => opened.turns(indexes),
      files: (turn: number) => opened.files(turn, { git: false }),
    }));
    const turns = await open.turns(session.turns.map(({ index }) => index));
    const rows = sessionChildren(file, session);
    expect(rows.map((row) => row.kind === 'turn' && row.data.prompt)).toEqual(prompts);
    const shown = rows.flatMap((row) => {
      const turn = row.kind === 'turn' ? turns.find(({ index }) => index === row.turn) : undefined;
      return row.kind === 'turn' && turn !== undefined ? [row, ...turnChildren(row, turn)] : [row];
    });
    for (const node of shown) expectShown(node);
    for (const turn of turns) {
      expect(turnDocument(session, turn)).toContain(turn.prompt.slice(0, 7));
      filesReport(await open.files(turn.index));
    }
    const { text, references } = problemsDocument(session);
    expect(references.map(({ line }) => line)).toEqual(session.problems.map(({ line }) => line));
    expect(text.includes('None: every line')).toBe(!isNamed);
    const last = session.turns.at(-1);
    if (last === undefined) throw new Error('It has no turn.');
    const conversation = conversationOf(session, last.turnId);
    const contents = new Map(turns.map((turn) => [turn.index, turn]));
    const wired = wireRows(conversation, contents, 0, 100);
    expect(wired.filter(({ kind }) => kind === 'prompt').map((row) => row.text)).toEqual(prompts);
    for (const index of wired.keys()) rowParts(conversation, contents, index);
    expect(locateCut(conversation, endOfConversation(session))).not.toBeNull();
  });

  it('is cut at any message, or the cut is refused with the next step', async () => {
    const open = await store.open(file);
    const points = uuids.flatMap((uuid): ForkPoint[] => [{ before: uuid }, { after: uuid }]);
    let legal = 0;
    for (const point of points) {
      const result = await open.forkAt(point, 0).catch((error: unknown) => error);
      if (result instanceof Error) {
        expect(result).toBeInstanceOf(ForkPointError);
        expect((result as ForkPointError).hint).not.toBe('');
      } else {
        const { rebuilt } = result as Awaited<ReturnType<typeof open.forkAt>>;
        expect(checkRequest(rebuilt.request)).toEqual([]);
        legal += 1;
      }
    }
    // Before each prompt and after each reply without calls.
    expect(legal).toBeGreaterThanOrEqual(prompts.length * 2 - 1);
  });
});

it('what is open says in words that its file was cut off or is gone', async () => {
  const [first, second] = sessions.filter(({ isNamed }) => !isNamed);
  if (first === undefined || second === undefined) throw new Error('Two sound sessions are missing.');
  const opened = await Promise.all([store.open(first.file), store.open(second.file)]);
  truncateSync(first.file, 100);
  rmSync(second.file);
  for (const open of opened) {
    const reads = [open.turns([1, 2, 3]), open.forkAt({ turn: 3 }), open.files(2, { git: false })];
    for (const read of await Promise.allSettled(reads)) {
      if (read.status === 'fulfilled') continue;
      expect(read.reason).toBeInstanceOf(ForkpointError);
      expect((read.reason as ForkpointError).hint).not.toBe('');
    }
  }
});
