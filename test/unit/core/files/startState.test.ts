import { describe, expect, it } from 'vitest';
import { startState } from '../../../../src/core/files/startState.ts';
import { FileSession } from '../../../support/fileSession.ts';

function stateOf(status: string | null, gitBranch?: string) {
  const session = new FileSession('/work/slug');
  session.transcript.prompt('Go on.', gitBranch === undefined ? {} : {});
  if (status !== null) session.gitStatus(status);
  if (gitBranch !== undefined) for (const line of session.transcript.lines) line['gitBranch'] = gitBranch;
  return startState(session.transcript.parsed().entries, '/work/slug');
}

describe('the state that a session began from', () => {
  it('is the commit and what differed from it, as Claude Code told the model', () => {
    const { commit, branch, changed, at } = stateOf(' M src/a.ts\nR  old.ts -> new.ts\n?? made/');
    expect({ commit, branch, at }).toEqual({ commit: 'abc1234', branch: 'main', at: '2026-01-01T10:00:01.000Z' });
    expect([...(changed ?? [])]).toEqual([
      '/work/slug/src/a.ts',
      '/work/slug/old.ts',
      '/work/slug/new.ts',
      '/work/slug/made',
    ]);
  });

  it('has no differences in a clean tree', () => {
    expect(stateOf('(clean)').changed).toEqual(new Set());
    expect(stateOf('').changed).toEqual(new Set());
  });

  it.each([' M a.ts\n... (truncated because it exceeds 2k characters)', ' M "a\\303\\244.ts"', 'whatever'])(
    'has unknown differences where the list is cut or quoted: %j',
    (status) => {
      expect(stateOf(status).changed).toBeNull();
    },
  );

  it('is unknown where nothing was told', () => {
    expect(stateOf(null)).toMatchObject({ commit: null, changed: null });
  });

  it.each(['--upload-pack=x', 'a..b', 'a b', ''])('refuses %j as the name of a branch', (name) => {
    expect(stateOf(null, name).branch).toBeNull();
  });
});
