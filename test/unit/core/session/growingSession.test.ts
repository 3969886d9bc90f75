import { expect, it } from 'vitest';
import { parseTranscript } from '../../../../src/core/session/parseTranscript.ts';
import { buildSession, SessionBuilder } from '../../../../src/core/session/turnTree.ts';
import { TranscriptBuilder } from '../../../support/transcript.ts';

const origin = { sessionId: 'session-1', file: '/session-1.jsonl', bytes: 0, customTitle: null, subagents: [] };

it('what the compaction at the beginning of a file continues may come later', () => {
  const transcript = new TranscriptBuilder();
  const boundary = { subtype: 'compact_boundary', logicalParentUuid: 'u3', compactMetadata: { trigger: 'manual' } };
  transcript.chained('system', boundary, null);
  transcript.prompt('Go on');
  const before = parseTranscript(transcript.bytes());
  transcript.goTo(null).prompt('Begin');
  expect(transcript.last).toBe('u3');
  const whole = parseTranscript(transcript.bytes());
  const { problems, summary, entries } = whole;
  const grown = { problems, summary, entries: [...before.entries, ...entries.slice(before.entries.length)] };
  const builder = new SessionBuilder();
  builder.build(before, origin);
  const { turns } = builder.build(grown, origin).session;
  expect(turns).toEqual(buildSession(whole, origin).session.turns);
  expect(turns.map(({ prompt, active, parentTurnId }) => [prompt, active, parentTurnId])).toEqual([
    ['Go on', true, 'u3'],
    ['Begin', true, null],
  ]);
});
