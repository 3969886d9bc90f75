import { describe, expect, it } from 'vitest';
import { ForkPointError, NotFoundError } from '../../../../../src/core/errors.ts';
import { branchChain } from '../../../../../src/core/fork/agent/branchChain.ts';
import type { ForkPoint } from '../../../../../src/core/fork/forkRequest.ts';
import { createSessionRequests } from '../../../../../src/core/fork/sessionRequests.ts';
import { parseTranscript } from '../../../../../src/core/session/parseTranscript.ts';
import { type Line, sha256, TranscriptBuilder, treeOf } from '../../../../support/transcript.ts';

function chainOf(lines: readonly object[], point: ForkPoint) {
  const bytes = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const [tree, transcript] = [treeOf(bytes), parseTranscript(bytes)];
  const chain = branchChain(tree, transcript.entries, point, createSessionRequests(tree, transcript, [], sha256));
  const records = chain.lines.map((line) => JSON.parse(line) as Line);
  return { ...chain, records, uuids: records.flatMap(({ uuid }) => uuid ?? []) };
}

/** Each chained record hangs on one before it, but for the first and for compaction boundaries. */
function expectSound(records: readonly Line[]): void {
  const seen = new Set<unknown>();
  for (const { uuid, parentUuid, subtype } of records.filter((record) => record.uuid !== undefined)) {
    if (seen.size > 0 && subtype !== 'compact_boundary') expect(seen.has(parentUuid), String(uuid)).toBe(true);
    expect(seen.has(uuid)).toBe(false);
    seen.add(uuid);
  }
}

const attachment = (type: string, more: Line = {}) => ({ attachment: { type, ...more } });

describe('the chain of a branch', () => {
  it('holds what was said before a prompt, and gives the prompt', () => {
    const builder = new TranscriptBuilder();
    const one = builder.prompt('One', { permissionMode: 'acceptEdits' });
    const [reply] = builder.reply('Answer one');
    const note = builder.chained('attachment', attachment('prompt_snapshot'));
    builder.prompt(
      [
        { type: 'text', text: 'Two' },
        { type: 'image', source: {} },
      ],
      { permissionMode: 'plan' },
    );
    builder.reply('Answer two');
    const chain = chainOf(builder.lines, { turn: 2 });
    expect(chain.uuids).toEqual([one, reply, note]);
    expect(chain).toMatchObject({
      leafUuid: reply,
      resumeAt: null,
      cwd: '/work/slug-tools',
      version: '2.1.329',
      permissionMode: 'plan',
      tools: null,
      prompt: [{ type: 'text', text: 'Two' }, { type: 'image' }],
    });
  });

  it('is empty before the first prompt, whatever hooks put there', () => {
    const builder = new TranscriptBuilder();
    builder.chained('attachment', attachment('hook_success'));
    builder.prompt('One');
    builder.reply('Answer');
    expect(chainOf(builder.lines, { turn: 1 })).toMatchObject({
      lines: [],
      leafUuid: null,
      resumeAt: null,
      prompt: [{ type: 'text', text: 'One' }],
    });
  });

  it('gives a slash command as it was typed', () => {
    const builder = new TranscriptBuilder();
    builder.prompt(
      '<command-message>greet</command-message>\n<command-name>/greet</command-name>\n<command-args>the world</command-args>',
    );
    builder.reply('Hello');
    expect(chainOf(builder.lines, { turn: 1 }).prompt).toEqual([{ type: 'text', text: '/greet the world' }]);
  });

  it('holds all parallel calls, their results, and what hooks put beside them', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('Read both');
    const ids = builder.reply('Reading', [
      { id: 't1', result: 'a' },
      { id: 't2', result: 'b' },
    ]);
    const [said, call1, call2, result1, result2] = ids as [string, string, string, string, string];
    const beside = builder.chained('attachment', attachment('hook_success'), result1);
    builder.goTo(result2);
    builder.reply('Both read');
    const chain = chainOf(builder.lines, { after: result2 });
    expect(chain.uuids).toEqual(['u1', said, call1, call2, result1, result2, beside]);
    expect(chain.leafUuid).toBe(result2);
    expect(chain.resumeAt).toBe(result2);
    expectSound(chain.records);
  });

  it('holds a result that landed late, once', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('Read');
    const [, call, result] = builder.reply('Reading', [{ id: 't1', result: 'a' }]) as [string, string, string];
    builder.reply('Read');
    builder.chained(
      'user',
      {
        message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'again' }] },
        sourceToolAssistantUUID: call,
      },
      call,
    );
    builder.goTo('u5');
    builder.prompt('Next');
    builder.reply('Done');
    const { uuids } = chainOf(builder.lines, { turn: 2 });
    expect(uuids).toEqual(['u1', 'u2', call, result, 'u5']);
  });

  it('follows the branch that was left, and leaves out the other one', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    const [first] = builder.reply('Answer one') as [string];
    builder.prompt('Two, left');
    const [left] = builder.reply('Left') as [string];
    builder.goTo(first);
    const other = builder.prompt('Two, other');
    builder.reply('Other');
    expect(chainOf(builder.lines, { after: left }).uuids).toEqual(['u1', first, 'u3', left]);
    expect(chainOf(builder.lines, { before: other }).uuids).toEqual(['u1', first]);
  });

  it('keeps a reply up to the line where it is cut', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('Read');
    const [said] = builder.reply('Reading', [{ id: 't1' }]) as [string];
    expect(chainOf(builder.lines, { after: said }).uuids).toEqual(['u1', said]);
  });

  it('reaches across a compaction, with the system prompt as it was set up behind it', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    const [reply] = builder.reply('Answer one') as [string];
    const boundary = builder.chained('system', { subtype: 'compact_boundary', logicalParentUuid: reply }, null);
    const summary = builder.prompt('Summed up', { isCompactSummary: true });
    builder.prompt('Two');
    builder.chained('attachment', attachment('prompt_snapshot'));
    builder.reply('Answer two');
    const whole = builder.chained('attachment', attachment('prompt_snapshot', { tools: [] }));
    builder.prompt('Three');
    builder.reply('Answer three');
    const two = chainOf(builder.lines, { turn: 2 });
    expect(two.uuids).toEqual(['u1', reply, boundary, summary, whole]);
    expect(two.records[2]).toMatchObject({ parentUuid: null, logicalParentUuid: reply });
    expect(two.records.at(-1)).toMatchObject({ uuid: whole, parentUuid: summary });
    expect(two.resumeAt).toBe(whole);
    const three = chainOf(builder.lines, { turn: 3 });
    expect(three.uuids.filter((uuid) => uuid === whole)).toHaveLength(1);
    expectSound(three.records);
  });

  it('is put in the order of its links, with progress bridged over', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    builder.chained('progress', {});
    builder.reply('Answer one');
    builder.prompt('Two');
    builder.reply('Answer two');
    const [one, progress, reply, ...rest] = builder.lines as [Line, Line, Line, ...Line[]];
    const chain = chainOf([reply, one, progress, ...rest], { turn: 2 });
    expect(chain.uuids).toEqual(['u1', 'u3']);
    expect(chain.records[1]).toMatchObject({ parentUuid: 'u1' });
    expectSound(chain.records);
  });

  it('takes along what says how the session goes on, and nothing that belongs to the recording', () => {
    const builder = new TranscriptBuilder();
    builder.unchained('tools-used', { tools: ['Read'] });
    builder.prompt('Read');
    builder.reply('Reading', [{ id: 't1', result: 'long' }]);
    for (const type of [
      'api-request',
      'file-history-snapshot',
      'queue-operation',
      'last-prompt',
      'ai-title',
      'cost-state',
      'custom-title',
      'mode',
    ])
      builder.unchained(type);
    builder.unchained('tools-used', { tools: ['Read', 'Bash'] });
    builder.unchained('content-replacement', {
      replacements: [
        { kind: 'tool-result', toolUseId: 't1', replacement: 'short' },
        { kind: 'tool-result', toolUseId: 't9', replacement: 'of another branch' },
      ],
    });
    builder.unchained('content-replacement', { agentId: 'a', replacements: [{ toolUseId: 't1' }] });
    builder.reply('Read');
    builder.prompt('Two');
    builder.reply('Done');
    builder.unchained('content-replacement', { replacements: [{ toolUseId: 't1', replacement: 'later' }] });
    const { records } = chainOf(builder.lines, { turn: 2 });
    expect(records.filter(({ uuid }) => uuid === undefined)).toEqual([
      { type: 'tools-used', tools: ['Read', 'Bash'], sessionId: 'session-1' },
      {
        type: 'content-replacement',
        replacements: [{ kind: 'tool-result', toolUseId: 't1', replacement: 'short' }],
        sessionId: 'session-1',
      },
    ]);
  });

  it('says where to resume behind output of commands, which no reply follows', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    builder.reply('Answer one');
    const output = builder.prompt('Renamed.', { isMeta: true });
    builder.prompt('Two');
    builder.reply('Answer two');
    expect(chainOf(builder.lines, { turn: 2 })).toMatchObject({ leafUuid: output, resumeAt: output });
  });

  it('refuses what is not there, and what no history can end with', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('Read');
    const [, call] = builder.reply('Reading', [{ id: 't1' }]) as [string, string];
    expect(() => chainOf(builder.lines, { turn: 7 })).toThrow(NotFoundError);
    expect(() => chainOf(builder.lines, { after: call })).toThrow(ForkPointError);
  });
});
