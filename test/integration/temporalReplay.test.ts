import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { workflowBundle } from '../support/temporal.ts';

const folder = path.resolve(import.meta.dirname, '../fixtures/temporal');
const histories = readdirSync(folder).filter((name) => name.endsWith('.history.json'));

interface RecordedHistory {
  events: { eventId: string; eventType: string; timerStartedEventAttributes?: { startToFireTimeout: string } }[];
}

function read(name: string): RecordedHistory {
  return JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as RecordedHistory;
}

describe('the workflow', () => {
  let code: string;
  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
    code = await workflowBundle();
  });

  const replay = (history: RecordedHistory): Promise<void> =>
    Worker.runReplayHistory({ workflowBundle: { code } }, historyFromJSON(history), 'forkpoint-r-history');

  it('is bundled with core, and with nothing that the sandbox lacks', () => {
    expect(code).toContain('runPlan');
    expect(code).not.toMatch(/require\(["']node:/);
    expect(code).not.toContain('@anthropic-ai/sdk/');
  });

  it('has recorded histories to stand the test of', () => {
    expect(histories).not.toEqual([]);
  });

  it.each(histories)('does in a replay what it did then: %s', async (name) => {
    await expect(replay(read(name))).resolves.toBeUndefined();
  });

  it('is caught when it does something else', async () => {
    const history = read(histories[0] ?? '');
    const timer = history.events.findIndex(({ eventType }) => eventType === 'EVENT_TYPE_TIMER_STARTED');
    history.events.splice(timer, 1);
    history.events.forEach((event, index) => {
      event.eventId = String(index + 1);
    });
    await expect(replay(history)).rejects.toThrow(/Nondeterminism error/);
  });
});
