import { describe, expect, it } from 'vitest';
import { parseTranscript } from '../../../../src/core/session/parseTranscript.ts';
import type { RecordedRequest } from '../../../../src/core/session/recordedRequest.ts';
import { RecordedRequests } from '../../../../src/core/session/recordedRequests.ts';
import { type LogSpec, logParams, logRequest, logShape } from '../../../support/requestLog.ts';
import { sha256, TranscriptBuilder } from '../../../support/transcript.ts';

const call = { type: 'tool_use', id: 't1', name: 'Read', input: {} };
const result = (id: string, content: string) => ({ type: 'tool_result', tool_use_id: id, content });

/** One turn with parallel calls and its two requests; `bend` changes the second. */
function recording(bend: Partial<LogSpec> = {}): TranscriptBuilder {
  const builder = new TranscriptBuilder();
  builder.prompt('Go');
  const prompt = { role: 'user', content: 'Go' };
  logRequest(builder, { id: 'r1', messages: [prompt] });
  builder.reply(
    'Reading.',
    [
      { id: 't1', result: 'one' },
      { id: 't2', result: 'two' },
    ],
    { id: 'm1', fields: { requestRef: 'r1' } },
  );
  const reply = { role: 'assistant', content: [{ type: 'text', text: 'Reading.' }, call, { ...call, id: 't2' }] };
  const results = { role: 'user', content: [result('t1', 'one'), result('t2', 'two')] };
  logRequest(builder, {
    id: 'r2',
    messages: [prompt, reply, results],
    base: 'r1',
    keep: 1,
    cacheControl: [
      { path: ['system', 0], value: { type: 'ephemeral' } },
      { path: ['messages', 2, 'content', 1], value: { type: 'ephemeral', ttl: '1h' } },
    ],
    ...bend,
  });
  builder.reply('Done.', [], { id: 'm2', fields: { requestRef: 'r2' } });
  return builder;
}

function rebuilt(text: string): RecordedRequest[] {
  return [...new RecordedRequests('/x.jsonl', parseTranscript(new TextEncoder().encode(text)).entries, sha256).all()];
}

describe('requests out of the log', () => {
  it('are put together from transcript lines, bases and cache marks, and checked', () => {
    const [first, second] = rebuilt(recording().text());
    expect(first).toMatchObject({
      id: 'r1',
      fidelity: 'exact',
      digestVerified: true,
      responseMessageId: 'm1',
      betas: ['beta-1'],
      source: 'sdk',
    });
    const marked = { type: 'ephemeral', ttl: '1h' };
    expect(second).toEqual({
      id: 'r2',
      file: '/x.jsonl',
      source: 'sdk',
      responseMessageId: 'm2',
      fidelity: 'exact',
      digestVerified: true,
      missing: [],
      betas: ['beta-1'],
      request: {
        model: logParams.model,
        max_tokens: 1000,
        tools: logShape.tools,
        system: [{ ...logShape.system[0], cache_control: { type: 'ephemeral' } }],
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'Go' }] },
          { role: 'assistant', content: [{ type: 'text', text: 'Reading.' }, call, { ...call, id: 't2' }] },
          { role: 'user', content: [result('t1', 'one'), { ...result('t2', 'two'), cache_control: marked }] },
        ],
      },
    });
    // A mark of one request must not show in another that shares its messages.
    expect(JSON.stringify(first?.request)).not.toContain('cache_control');
  });

  it('take messages from the log where the transcript does not have them', () => {
    const builder = recording();
    const aside = { role: 'system', content: [{ type: 'text', text: 'Only in the log' }] };
    logRequest(builder, { id: 'r3', messages: [{ role: 'user', content: 'Go' }, aside], blobs: [1] });
    logRequest(builder, {
      id: 'r4',
      messages: [
        { role: 'user', content: 'Go' },
        { ...aside, content: 'Nowhere' },
      ],
    });
    const [, , third, fourth] = rebuilt(builder.text());
    expect(third).toMatchObject({ fidelity: 'exact', request: { messages: [{ role: 'user' }, aside] } });
    expect(fourth).toMatchObject({
      fidelity: 'reconstructed',
      digestVerified: false,
      request: null,
      missing: ['one message of the history'],
    });
  });

  it.each<[string, (text: string) => string, string]>([
    [
      'one character of a result',
      (text) => text.replace('"content":"two"', '"content":"tvo"'),
      'one message of the history',
    ],
    ['one character of the system prompt', (text) => text.replaceAll('You are terse.', 'You are tense.'), 'digest'],
    ['a parameter', (text) => text.replaceAll('"max_tokens":1000', '"max_tokens":1001'), 'digest'],
    ['the shape is lost', (text) => text.replaceAll('api-request-shape', 'something-else'), 'system prompt'],
    ['the base is lost', (text) => text.replace('"id":"r1"', '"id":"r0"'), 'one message of the history'],
  ])('are not called exact after a change: %s', (_name, change, missing) => {
    const second = rebuilt(change(recording().text())).at(-1);
    expect(second).toMatchObject({ id: 'r2', fidelity: 'reconstructed', digestVerified: false });
    expect(second?.missing.join()).toContain(missing);
  });

  it.each<[string, Partial<LogSpec>, string]>([
    ['withheld parameters', { fields: { withheld: ['extra_body'] } }, 'extra_body'],
    ['messages that were cut', { fields: { cut: [{ index: 2 }] } }, 'too long'],
    ['no digest', { fields: { requestDigest: undefined } }, 'digest'],
  ])('are not called exact with %s', (_name, bend, missing) => {
    const second = rebuilt(recording(bend).text()).at(-1);
    expect(second?.fidelity).toBe('reconstructed');
    expect(second?.missing.join()).toContain(missing);
  });

  it('are not called exact where a hook changed what was sent', () => {
    const text = recording()
      .text()
      .replace('"requestRef":"r2"', '"requestRef":"r2","requestHookChanged":{"record":"r2","what":["body"]}');
    expect(rebuilt(text).map((request) => request.fidelity)).toEqual(['exact', 'reconstructed']);
  });

  it.each<[string, object, string[]]>([
    ['may have been sent', {}, [expect.stringContaining('"safeguards"') as unknown as string]],
    ['is logged', { safeguards: [{ type: 'x' }] }, []],
  ])('with a check of tool calls at the API are exact only where that %s', (_name, more, missing) => {
    const params = { ...logParams, betas: ['dangerous-tool-use-2026-09-03'], ...more };
    const second = rebuilt(recording({ params }).text()).at(-1);
    const fidelity = missing.length === 0 ? 'exact' : 'reconstructed';
    expect(second).toMatchObject({ fidelity, digestVerified: true, missing });
    expect(second?.request).toMatchObject(more);
  });

  it('are read no further than asked', () => {
    const builder = recording();
    for (let more = 3; more < 9; more += 1) {
      builder.prompt(`Prompt ${more}`);
      logRequest(builder, { id: `r${more}`, messages: [{ role: 'user', content: `Blob ${more}` }], blobs: [0] });
      builder.reply('Later.', [], { fields: { requestRef: `r${more}` } });
    }
    const { entries } = parseTranscript(builder.bytes());
    const end = entries.find(({ type, record }) => type === 'api-request' && record.id === 'r3')?.line ?? 0;
    const guarded = entries.map((entry) => ({
      ...entry,
      get record() {
        if (entry.line >= end) throw new Error(`Line ${entry.line} was read.`);
        return entry.record;
      },
      get message() {
        if (entry.line >= end) throw new Error(`Line ${entry.line} was read.`);
        return entry.message;
      },
    }));
    const log = new RecordedRequests('/x.jsonl', guarded, sha256);
    expect(log.rebuild('r2', end)).toMatchObject({ fidelity: 'exact', responseMessageId: 'm2' });
    expect(log.settingsNear(end)?.id).toBe('r2');
    expect(log.rebuild('nowhere', end)).toBeNull();
    expect(() => log.rebuild('r3')).toThrow('was read');
  });

  it('of a record that was written twice counts once', () => {
    const text = recording().text();
    const line = text.split('\n').find((each) => each.includes('"type":"api-request"')) ?? '';
    expect(rebuilt(`${text}${line}\n`).map(({ id }) => id)).toEqual(['r1', 'r2']);
  });

  it('with a shape of another form than the API’s are not used', () => {
    const odd = recording()
      .text()
      .replaceAll('"system":[{"type":"text","text":"You are terse."}]', '"system":["You are terse."]');
    expect(rebuilt(odd).map(({ request, missing }) => [request, missing])).toEqual(
      Array(2).fill([null, ['system prompt', 'tool definitions']]),
    );
  });

  it('survive bases that go in a circle and paths that lead nowhere', () => {
    const circle = recording().text().replace('"keep":0', '"keep":1,"base":"r2"');
    expect(rebuilt(circle).every((request) => request.request === null)).toBe(true);
    const astray = recording({
      cacheControl: [],
      fields: { cacheControl: [{ path: ['messages', 9, 'content', 0], value: { type: 'ephemeral' } }] },
    });
    expect(rebuilt(astray.text()).at(-1)).toMatchObject({ fidelity: 'reconstructed', request: null });
  });
});
