import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { SourceMap, type SourceMapPayload, type SourceMapping } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { runIdSchema } from '../../src/core/ids.ts';
import { runReplay } from '../../src/orchestration/temporal/replay/runReplay.ts';
import { historyText } from '../support/historyText.ts';
import { builtWorker, noTraceSinks, removeBuiltWorker, workflowBundle } from '../support/temporal.ts';

const root = path.resolve(import.meta.dirname, '../..');
const folder = path.join(root, 'test/fixtures/temporal');
const histories = readdirSync(folder).filter((name) => name.endsWith('.history.json'));

interface RecordedHistory {
  [field: string]: unknown;
  events: { eventId: string; eventType: string; timerStartedEventAttributes?: { startToFireTimeout: string } }[];
}

function read(name: string): RecordedHistory {
  return JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as RecordedHistory;
}

/** Changes of the bundled code that would break runs which are under way, by the kind of history that must show it. */
const changes: Record<string, readonly [from: string, to: string]> = {
  requests: ['remote.callModel(', 'remote.callTheModel('],
  question: ['.giveAnswer(', '.advanceBranch('],
  cancel: ['.nonCancellable(()=>look(false))', '.nonCancellable(async ()=>{})'],
  crash: ['remote.agentTurn(', 'remote.prepareAgent('],
  updated: ['.changeLimits({', '.giveAnswer({'],
  continues: ['await continuation.isDue()', 'await new Promise(() => {})'],
  scheduled: ['activities.compareScheduled(', 'activities.prepareScheduled('],
  continued: ['local.loadRun(', 'local.completedSteps('],
  whole: ['remote.wholeAgentTurn(', 'remote.agentTurn('],
  replays: ['await continuation.isDue()', 'await new Promise(() => {})'],
  replayed: ['remote.wholeAgentTurn(', 'remote.prepareAgent('],
  slots: ['.keepsSlots !== true', '.keepsSlots === true'],
  together: ['order.together === true', 'order.together === false'],
};
const kindOf = (name: string): string => /-(\w+)\.history/.exec(name)?.[1] ?? 'requests';

describe('the workflow', () => {
  let code: string;
  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
    code = await workflowBundle();
  });

  const replay = (history: RecordedHistory, by = code): Promise<void> =>
    Worker.runReplayHistory(
      { workflowBundle: { code: by }, sinks: noTraceSinks },
      historyFromJSON(history),
      `forkpoint-${runOf(history)}`,
    );

  it('is bundled with core, and with nothing that the sandbox lacks', () => {
    expect(code).toContain('runPlan');
    expect(code).not.toMatch(/require\(["']node:/);
    expect(code).not.toContain('@anthropic-ai/sdk/');
  });

  /** What the bundle says of the sources that it was made of. */
  const mapOf = (): SourceMapPayload => {
    const [, map = ''] = /^\/\/# sourceMappingURL=data:[^,]*,(.*)$/m.exec(code) ?? [];
    return JSON.parse(Buffer.from(map, 'base64').toString()) as SourceMapPayload;
  };

  it('keeps nothing in its modules, which all workflows of a worker share', () => {
    const ours = mapOf().sources.filter(
      (source) => source.startsWith(path.join(root, 'src')) && source.endsWith('.ts'),
    );
    expect(ours.length).toBeGreaterThan(30);
    // Constants are no state, whatever they are made of.
    const changing = ours.filter((source) => /^(?:export )?(?:let|var) /m.test(readFileSync(source, 'utf8')));
    expect(changing).toEqual([]);
  });

  it('leads a debugger to the lines of its sources', () => {
    const lines = code.split('\n');
    const line = lines.findIndex((text) => text.includes('async function forkRun('));
    const column = lines[line]?.indexOf('async function') ?? -1;
    const { originalSource, originalLine } = new SourceMap(mapOf()).findEntry(line, column) as SourceMapping;
    const source = readFileSync(originalSource, 'utf8').split('\n');
    expect(source[originalLine]).toContain('export async function forkRun(input: RunOrder | DurableOrder)');
  });

  it('has recorded histories of all kinds to stand the test of', () => {
    expect([...new Set(histories.map(kindOf))].sort()).toEqual(Object.keys(changes).sort());
  });

  it.each(histories)('does in a replay what it did then: %s', async (name) => {
    await expect(replay(read(name))).resolves.toBeUndefined();
  });

  it.each(histories)('is caught when it would do something else now: %s', async (name) => {
    const [from, to] = changes[kindOf(name)] ?? ['', ''];
    const changed = code.replaceAll(from, to);
    expect(changed).not.toBe(code);
    await expect(replay(read(name), changed)).rejects.toThrow(/Nondeterminism error/);
  });

  it('holds branches in no run that an older version started', async () => {
    const changed = code.replaceAll('order.version === 2 ? new', 'true ? new');
    expect(changed).not.toBe(code);
    await expect(replay(read('0.2.0.history.json'), changed)).rejects.toThrow(/Nondeterminism error/);
  });

  it('is caught when it does something else', async () => {
    await expect(replay(withoutTimer(read(histories[0] ?? '')))).rejects.toThrow(/Nondeterminism error/);
  });

  it('is told by the program that replays runs, execution by execution', async () => {
    const settings = { home: await mkdtemp(path.join(tmpdir(), 'forkpoint-replay-')), env: process.env };
    const history = read('0.2.0.history.json');
    const changed = withoutTimer(history);
    const runId = runIdSchema.parse(runOf(history));
    const workflowId = `forkpoint-${runId}`;
    const executions = [
      { workflowId, executionId: 'first', history },
      { workflowId, executionId: 'second', history: changed },
    ];
    const workerScript = await builtWorker();
    const { signal } = new AbortController();
    try {
      const replayed = await runReplay({ ...settings, workerScript }, runId, executions, signal);
      expect(replayed).toEqual([
        { executionId: 'first', events: history.events.length, error: null },
        {
          executionId: 'second',
          events: changed.events.length,
          error: expect.stringContaining('Nondeterminism error'),
        },
      ]);
      expect(await readdir(path.join(settings.home, 'temporal', 'histories'))).toEqual([]);
      const gone = runReplay({ ...settings, workerScript }, runId, executions, AbortSignal.abort(new Error('enough')));
      await expect(gone).rejects.toThrow('enough');
    } finally {
      await rm(settings.home, { recursive: true });
      await removeBuiltWorker();
    }
  });

  it.each(histories.filter((name) => !name.startsWith('0.1.0')))('left no words and no paths in: %s', (name) => {
    const text = historyText(read(name));
    expect(text).toContain('r-history');
    expect(text).not.toMatch(
      /\/(?:tmp|home|root|Users|work)\b|slugify|emoji|sk-ant|This fails|sleep 600|done.txt|node -e/,
    );
  });
});

/** The run's id, as the order names it that the workflow was started with. */
function runOf(history: RecordedHistory): string {
  return /"runId":"(r-history[-\w]*)"/.exec(historyText(history.events[0]))?.[1] ?? '';
}

function withoutTimer({ events }: RecordedHistory): RecordedHistory {
  const timer = events.findIndex(({ eventType }) => eventType === 'EVENT_TYPE_TIMER_STARTED');
  return { events: events.toSpliced(timer, 1).map((event, index) => ({ ...event, eventId: String(index + 1) })) };
}
