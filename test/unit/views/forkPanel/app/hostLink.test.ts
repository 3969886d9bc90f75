import { beforeEach, expect, test, vi } from 'vitest';
import { HostError, HostLink } from '../../../../../src/views/forkPanel/app/hostLink.ts';
import type { EventData } from '../../../../../src/views/forkPanel/protocol.ts';

const run = vi.fn<(data: EventData<'run'>) => void>();
const conversation = vi.fn<(data: EventData<'conversation'>) => void>();
const answerersChanged = vi.fn<(data: EventData<'answerersChanged'>) => void>();
let posted: { id: number; method: string }[] = [];
let link: HostLink;

beforeEach(() => {
  vi.clearAllMocks();
  posted = [];
  link = new HostLink((message) => posted.push(message as { id: number; method: string }), {
    run,
    conversation,
    answerersChanged,
  });
});

test('answers find their calls, in whatever order they come', async () => {
  const models = link.call('models', {});
  const engines = link.call('engines', {});
  link.receive({ id: posted[1]!.id, result: { engines: [] } });
  link.receive({ id: posted[0]!.id, result: { models: [], note: '' } });
  expect(await models).toEqual({ models: [], note: '' });
  expect(await engines).toEqual({ engines: [] });
});

test('an error of the host rejects with what to do next', async () => {
  const call = link.call('models', {});
  link.receive({ id: posted[0]!.id, error: { code: 'x', message: 'No.', hint: 'Do that.' } });
  await expect(call).rejects.toMatchObject({ name: 'HostError', shown: { hint: 'Do that.' } });
});

test('an answer that does not fit the contract rejects, and is not acted on', async () => {
  const call = link.call('rows', { start: 0, count: 1 });
  link.receive({ id: posted[0]!.id, result: { start: 0, rows: [{ kind: 'script' }] } });
  await expect(call).rejects.toBeInstanceOf(HostError);
});

test('malformed messages and events are ignored', () => {
  for (const message of [
    null,
    'x',
    {},
    { id: 99, result: {} },
    { event: 'run', data: {} },
    { event: 'nope', data: {} },
  ]) {
    expect(() => link.receive(message)).not.toThrow();
  }
  expect(run).not.toHaveBeenCalled();
});

test('events reach their listener', () => {
  link.receive({ event: 'conversation', data: { rows: 4, gone: false, cut: null } });
  expect(conversation).toHaveBeenCalledExactlyOnceWith({ rows: 4, gone: false, cut: null });
});
