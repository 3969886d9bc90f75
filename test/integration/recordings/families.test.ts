import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReadingStore } from '../../../src/adapters/reader/createReadingStore.ts';
import type { SessionSummary } from '../../../src/core/session/recordedSession.ts';
import { type RecordedScenario, recordEverySession } from '../../support/recordSessions.ts';

// Who was forked from whom, where, and in which worktree: as the scenarios did it, with every version of Claude Code.

let all: RecordedScenario[];
let home = '';

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'families-'));
  all = await recordEverySession();
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const played = (name: string) => all.filter((recording) => recording.name === name);

function sessionsIn(claudeDir: string): Promise<SessionSummary[]> {
  return createReadingStore({ claudeDirs: [claudeDir], home: mkdtempSync(join(home, 'data-')) }).list();
}

/** By the last two digits, which tell sessions apart whose ids the scenario has chosen. */
async function listed(claudeDir: string): Promise<Map<string, SessionSummary>> {
  return new Map((await sessionsIn(claudeDir)).map((session) => [session.sessionId.slice(-2), session]));
}

/** `uuid` of the line that holds a reply, in the file of one of the scenario's sessions. */
function replyIn({ sessions }: RecordedScenario, id: string, text: string): string {
  const file = sessions.find((each) => each.endsWith(`00000000${id}.jsonl`)) ?? '';
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((each) => each.includes('"type":"assistant"') && each.includes(`"text":"${text}"`));
  return (JSON.parse(line ?? '{}') as { uuid: string }).uuid;
}

/** The same files made in the other order, as a move to another disk may do. */
function copiedBackwards({ claudeDir }: RecordedScenario): string {
  const copy = mkdtempSync(join(home, 'copy-'));
  const files = readdirSync(claudeDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const file of files.map((entry) => join(entry.parentPath, entry.name)).sort((a, b) => (a < b ? 1 : -1))) {
    const target = join(copy, relative(claudeDir, file));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(file, target);
  }
  return copy;
}

describe('forks by the command line', () => {
  it('go back to the session and the message that they were cut at', async () => {
    expect(played('forked').length).toBeGreaterThan(1);
    for (const recording of played('forked')) {
      const cut = replyIn(recording, '04', 'Second answer.');
      for (const folder of [recording.claudeDir, copiedBackwards(recording)]) {
        const sessions = await listed(folder);
        const parent = sessions.get('04')?.sessionId;
        expect(sessions.get('05')?.forkedFrom, recording.version).toEqual({ sessionId: parent, messageUuid: cut });
        expect(sessions.get('04')?.forkedFrom, recording.version).toBeNull();
      }
    }
  });

  it('of forks, across a compaction and at an earlier message, each to its own parent', async () => {
    expect(played('forks').length).toBeGreaterThan(1);
    for (const recording of played('forks')) {
      const expected = {
        41: null,
        42: null,
        43: { parent: '41', messageUuid: replyIn(recording, '41', 'Three.') },
        44: { parent: '43', messageUuid: replyIn(recording, '43', 'Late fork.') },
        45: { parent: '42', messageUuid: replyIn(recording, '42', 'Early, one.') },
      };
      for (const folder of [recording.claudeDir, copiedBackwards(recording)]) {
        const found = Array.from(await listed(folder), ([id, { forkedFrom }]) => [
          id,
          forkedFrom && { parent: forkedFrom.sessionId.slice(-2), messageUuid: forkedFrom.messageUuid },
        ]);
        expect(Object.fromEntries(found), recording.version).toEqual(expected);
      }
    }
  });
});

describe('forks by the Agent SDK', () => {
  it('name the message of the parent although they have ids of their own', async () => {
    expect(played('sdk-forks').length).toBeGreaterThan(0);
    for (const recording of played('sdk-forks')) {
      const { whole, part, cut } = recording.notes['forks'] as { whole: string; part: string; cut: string };
      // The SDK makes up the ids of its forks.
      const sessions = await sessionsIn(recording.claudeDir);
      const of = (id: string) => sessions.find(({ sessionId }) => sessionId === id)?.forkedFrom;
      const parent = sessions.find(({ forkedFrom }) => forkedFrom === null)?.sessionId;
      expect(of(whole)).toEqual({ sessionId: parent, messageUuid: replyIn(recording, '49', 'Two.') });
      expect(of(part)).toEqual({ sessionId: parent, messageUuid: cut });
    }
  });
});

describe('everything else', () => {
  it('is no fork, but for the one that a scenario about files makes', async () => {
    const others = all.filter(({ name }) => !['forked', 'forks', 'sdk-forks'].includes(name));
    for (const { claudeDir, name, version } of others) {
      const found = [...(await listed(claudeDir)).values()].flatMap(({ sessionId, forkedFrom }) =>
        forkedFrom === null ? [] : [[sessionId.slice(-2), forkedFrom.sessionId.slice(-2)]],
      );
      expect(found, `${name} ${version}`).toEqual(name === 'checkpoints' ? [['31', '30']] : []);
    }
  });
});

describe('worktrees', () => {
  it('belong to their repository', async () => {
    expect(played('worktrees').length).toBeGreaterThan(0);
    for (const { claudeDir, cwd } of played('worktrees')) {
      const sessions = await listed(claudeDir);
      const place = (id: string) => {
        const { repository, worktree } = sessions.get(id) as SessionSummary;
        return { repository, worktree };
      };
      expect(place('46')).toEqual({ repository: cwd, worktree: null });
      expect(place('47')).toEqual({ repository: cwd, worktree: join(cwd, '..', 'side-tree') });
      expect(place('48')).toEqual({ repository: cwd, worktree: null });
    }
  });
});

describe('nested subagents', () => {
  it('name the subagent that started them, and open as sessions of their own', async () => {
    expect(played('nested-agents').length).toBeGreaterThan(0);
    for (const { claudeDir } of played('nested-agents')) {
      const store = createReadingStore({ claudeDirs: [claudeDir], home: mkdtempSync(join(home, 'data-')) });
      const [session] = await store.list();
      const { subagents } = (await store.open(session?.file ?? '')).session;
      const inner = subagents.find(({ parentAgentId }) => parentAgentId !== null);
      const outer = subagents.find(({ agentId }) => agentId === inner?.parentAgentId);
      expect([outer?.turnId === null, inner?.task]).toEqual([false, 'Inner errand']);
      const opened = await store.open(inner?.file ?? '');
      expect(opened.session.turns.map(({ prompt }) => prompt)).toEqual(['Inner errand']);
      const calls = (await store.open(outer?.file ?? '')).session.turns.flatMap(({ steps }) =>
        steps.flatMap(({ toolCalls }) => toolCalls.map(({ id }) => id)),
      );
      expect(calls).toContain(inner?.toolUseId);
    }
  });
});
