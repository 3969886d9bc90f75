import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSessionStore } from '../../../src/adapters/sessions/createSessionStore.ts';
import { createSessionRequests } from '../../../src/core/fork/sessionRequests.ts';
import { parseTranscript, TranscriptReader } from '../../../src/core/session/parseTranscript.ts';
import type { OpenSession } from '../../../src/core/session/sessionStore.ts';
import { buildSession, SessionBuilder } from '../../../src/core/session/turnTree.ts';
import { sha256, TranscriptBuilder } from '../../support/transcript.ts';

// Small config folders with what strangers' disks hold (test/fixtures/cases); each was wrong once.

const noRecords = new TranscriptReader(false);

function claudeDir(name: string): string {
  return join(import.meta.dirname, '../../fixtures/cases', name);
}

function storeOf(name: string) {
  return createSessionStore({ claudeDirs: [claudeDir(name)], sha256 });
}

async function open(name: string, id: string): Promise<OpenSession> {
  return storeOf(name).open(id);
}

/** What a fork before a turn sends, each message as its role and its texts. */
async function sentAt(session: OpenSession, turn: number): Promise<string[]> {
  const { rebuilt } = await session.forkAt({ turn });
  return rebuilt.request.messages.map(({ role, content }) => {
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    return `${role}: ${blocks.map((block) => ('text' in block ? String(block.text) : `[${block.type}]`)).join(' | ')}`;
  });
}

describe('what Claude Code hangs elsewhere than it sends it', () => {
  it('keeps the turn whose retries were logged when it was over', async () => {
    const session = await open('w10-api-error-logged-late', '10101010');
    expect(await sentAt(session, 2)).toEqual([
      'user: Write a cake recipe',
      'assistant: [tool_use]',
      'user: [tool_result]',
      'assistant: [tool_use]',
      'user: [tool_result]',
      'assistant: The cake recipe is written: two eggs.',
      'user: How many eggs?',
    ]);
    const messages = await Array.fromAsync(session.messages());
    expect(messages.every(({ active }) => active)).toBe(true);
    const { files } = await session.files(2);
    expect(files.map(({ path }) => path)).toContain('cake.md');
    expect(session.session.branches).toHaveLength(1);
  });

  it.each(['ff04eb0b', '2a11d208'])('goes on behind a compaction that kept a segment (%s)', async (id) => {
    const session = await open('b25-preserved-segment', id);
    const sent = await sentAt(session, 4);
    expect(sent).toEqual([
      expect.stringMatching(/^user: SUMMARY of the first\. \| second, preserved$/),
      'assistant: second reply, preserved',
      'user: third',
      'assistant: third reply',
      'user: fourth',
    ]);
    expect(session.session.turns.map(({ compactedAway }) => compactedAway)).toEqual([true, false, false, false]);
    expect(session.session.branches).toHaveLength(1);
  });

  /** The form that is recorded least: both names of what was kept, and the next prompt on its end or in its middle. */
  function preserved(parent: 'tail' | 'head' | 'summary', isNamedOnce: boolean) {
    const builder = new TranscriptBuilder();
    builder.prompt('first');
    builder.reply('first reply');
    const head = builder.prompt('second');
    const [tail = ''] = builder.reply('second reply');
    const summary = `u${builder.lines.length + 2}`;
    const metadata = {
      preservedSegment: { headUuid: head, anchorUuid: summary, tailUuid: tail },
      ...(isNamedOnce ? {} : { preservedMessages: { anchorUuid: summary, uuids: [head, tail] } }),
    };
    const boundary = { subtype: 'compact_boundary', logicalParentUuid: tail, compactMetadata: metadata };
    builder.chained('system', boundary, null);
    builder.prompt('SUMMARY', { isCompactSummary: true });
    builder.goTo({ tail, head, summary }[parent]);
    builder.prompt('third');
    builder.reply('third reply');
    return builder.tree();
  }

  it.each([true, false])('goes on from any of what a compaction kept (named once: %s)', (isNamedOnce) => {
    const texts = (parent: Parameters<typeof preserved>[0]) => {
      const requests = createSessionRequests(preserved(parent, isNamedOnce), noRecords, [], sha256);
      const { messages } = requests.forkAt({ turn: 3 }).rebuilt.request;
      return messages.flatMap(({ content }) =>
        typeof content === 'string' ? content : content.map(({ text }) => text),
      );
    };
    const whole = ['SUMMARY', 'second', 'second reply', 'third'];
    expect(texts('tail')).toEqual(whole);
    expect(texts('summary')).toEqual(whole);
    expect(texts('head')).toEqual(['SUMMARY', 'second', 'third']);
  });

  it('sends the second summary behind a second compaction', async () => {
    const session = await open('b15-second-compact', '8b7a9ba3');
    const sent = await sentAt(session, 6);
    expect(sent).toEqual(['user: Summary of what went before. | C1', 'assistant: rc1', 'user: C2']);
    expect(session.session.branches).toHaveLength(1);
    expect(session.session.turns.every(({ active }) => active)).toBe(true);
  });
});

/** Every transcript of the cases. */
const transcripts = readdirSync(join(import.meta.dirname, '../../fixtures/cases'), {
  recursive: true,
  encoding: 'utf8',
})
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => claudeDir(name));

it.each(transcripts)('understands a session that grows as one that is read whole (%s)', (file) => {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, 40);
  const origin = { sessionId: 's', file, bytes: 0, customTitle: null, subagents: [] };
  const builder = new SessionBuilder();
  const reader = new TranscriptReader(false);
  for (const [at, line] of lines.entries()) {
    reader.text(line, at + 1, false);
    const growing = builder.build({ ...reader.clone(), entries: [...reader.entries] }, origin);
    const whole = buildSession(parseTranscript(Buffer.from(lines.slice(0, at + 1).join('\n'))), origin);
    expect(growing.session.turns).toEqual(whole.session.turns);
    expect(growing.chain.nodes.map(({ parent }) => parent?.order)).toEqual(
      whole.chain.nodes.map(({ parent }) => parent?.order),
    );
  }
});
