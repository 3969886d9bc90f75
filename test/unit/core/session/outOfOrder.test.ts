import { describe, expect, it } from 'vitest';
import { createSessionRequests } from '../../../../src/core/fork/sessionRequests.ts';
import { parseTranscript } from '../../../../src/core/session/parseTranscript.ts';
import { sha256, TranscriptBuilder, treeOf } from '../../../support/transcript.ts';

// Claude Code writes the first lines of a session out of order at times: a reply before its prompt, and before what was
// attached to the prompt.

function bytesOf(lines: readonly object[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** A prompt, two attachments and the reply; then a second turn. */
function session() {
  const builder = new TranscriptBuilder();
  builder.prompt('One');
  for (const text of ['First reminder', 'Second reminder'])
    builder.chained('attachment', {
      attachment: { type: 'file' },
      rendered: [{ content: text }],
      renderedRole: 'user',
    });
  builder.reply('Answer one');
  builder.prompt('Two');
  builder.reply('Answer two');
  return builder;
}

describe('lines out of order', () => {
  const { lines } = session();
  const [prompt, first, second, reply, ...rest] = lines as [object, object, object, object, ...object[]];
  const mixed = bytesOf([reply, prompt, first, second, ...rest]);

  it('make the turns that their links say', () => {
    const tree = treeOf(mixed);
    expect(tree.session.problems).toEqual([]);
    expect(tree.session.turns.map((turn) => [turn.prompt, turn.steps.length, turn.active])).toEqual([
      ['One', 1, true],
      ['Two', 1, true],
    ]);
    expect(tree.session.branches).toHaveLength(1);
  });

  it('end where nothing hangs on, not at the last line', () => {
    const tree = treeOf(bytesOf([reply, prompt, first, second]));
    expect([...tree.messages()].map((message) => message.active)).toEqual([true, true]);
  });

  it('are sent in the order of their links', () => {
    const texts = (bytes: Uint8Array, turn: number) => {
      const tree = treeOf(bytes);
      const requests = createSessionRequests(tree, parseTranscript(bytes), [], sha256);
      return requests.forkAt({ turn }).rebuilt.request.messages;
    };
    for (const turn of [1, 2]) {
      expect(texts(mixed, turn)).toEqual(texts(bytesOf(lines), turn));
      expect(JSON.stringify(texts(mixed, turn))).toContain('Second reminder');
    }
  });
});

describe('a file that begins with a compaction', () => {
  const boundary = (preserved: string) => ({
    type: 'system',
    subtype: 'compact_boundary',
    uuid: 'boundary',
    parentUuid: null,
    logicalParentUuid: preserved,
    timestamp: '2026-01-01T10:00:00.000Z',
    compactMetadata: { trigger: 'manual', preservedMessages: { anchorUuid: 'u1', uuids: [preserved] } },
  });

  it('is a fork across it, not a damaged file', () => {
    for (const preserved of ['u2', 'not-copied']) {
      const builder = new TranscriptBuilder();
      builder.goTo('boundary');
      builder.prompt('The summary', { isCompactSummary: true });
      builder.reply('Kept word for word');
      builder.prompt('Three');
      builder.reply('Answer three');
      const tree = treeOf(bytesOf([boundary(preserved), ...builder.lines]));
      expect(tree.session.problems, preserved).toEqual([]);
      expect(tree.session.turns.map((turn) => turn.prompt)).toEqual(['Three']);
    }
  });
});
