import { expect, it } from 'vitest';
import { parseTranscript } from '../../../../src/core/session/parseTranscript.ts';
import { buildSession, SessionBuilder, type SessionTree } from '../../../../src/core/session/turnTree.ts';
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

it('a record that follows another one than it names comes out the same wherever a file was cut', () => {
  const builder = new TranscriptBuilder();
  builder.prompt('One');
  builder.reply('Reading.', [{ id: 'a' }, { id: 'b' }]);
  builder.chained('attachment', { attachment: { type: 'date' } }, 'u1');
  Object.assign(builder.lines.at(-1) ?? {}, { timestamp: '2026-01-01T10:00:01.500Z' });
  builder.prompt('Two');
  const [last = ''] = builder.reply('Answer.');
  const boundary = builder.chained('system', { subtype: 'compact_boundary', logicalParentUuid: last }, null);
  builder.prompt('Summary', { isCompactSummary: true });
  builder.goTo(boundary).prompt('Three');
  builder.reply('Answer.');
  const parents = (tree: SessionTree) => tree.chain.nodes.map(({ parent }) => parent?.entry.uuid);
  const whole = builder.parsed();
  const { problems, summary } = whole;
  const expected = parents(buildSession(whole, origin));
  for (let cut = 1; cut < whole.entries.length; cut += 1) {
    const grown = new SessionBuilder();
    grown.build({ problems, summary, entries: whole.entries.slice(0, cut) }, origin);
    expect(parents(grown.build(whole, origin)), `cut at ${cut}`).toEqual(expected);
  }
});
