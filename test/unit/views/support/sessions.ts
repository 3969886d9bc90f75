import { noUsage } from '../../../../src/core/api/usage.ts';
import type { SessionId, TurnId } from '../../../../src/core/ids.ts';
import {
  noContext,
  type RecordedSession,
  type RecordedToolCall,
  type SessionSummary,
  type Step,
  type Turn,
} from '../../../../src/core/session/recordedSession.ts';

/** A summary with everything filled in. */
export function summary(over: Partial<SessionSummary> & { file: string }): SessionSummary {
  return {
    sessionId: 'b3b5a1de-0000-4000-8000-000000000001' as SessionId,
    projectPath: '/home/sam/slug-tools',
    title: 'Fix the slugify edge cases',
    turns: 2,
    firstAt: '2026-11-20T09:00:00Z',
    lastAt: '2026-11-20T10:00:00Z',
    bytes: 12_000,
    models: ['claude-sonnet-4-5'],
    costUsd: null,
    gitBranch: 'main',
    version: '2.1.329',
    problems: 0,
    modifiedAt: '2026-11-20T10:00:00Z',
    isNamed: true,
    foreignTitles: [],
    roots: [],
    forkedFrom: null,
    ...noContext,
    ...over,
  };
}

export function call(name: string, input: RecordedToolCall['input'], isError = false): RecordedToolCall {
  const id = `toolu_${name}_${JSON.stringify(input)}`;
  return { id, name, input, uuid: `uuid-${id}`, result: { uuid: `result-${id}`, content: 'ok', isError } };
}

export function step(line: number, over: Partial<Step> = {}): Step {
  return {
    index: 1,
    messageId: `msg_${line}`,
    uuids: [`step-${line}`],
    line,
    at: '2026-11-20T09:30:00Z',
    model: 'claude-sonnet-4-5',
    content: [],
    text: 'Because it strips everything.',
    toolCalls: [],
    usage: { ...noUsage, outputTokens: 40 },
    effort: null,
    stopReason: 'end_turn',
    error: null,
    ...over,
  };
}

export function turn(index: number, line: number, over: Partial<Turn> = {}): Turn {
  const steps = over.steps ?? [step(line + 1)];
  const calls = steps.flatMap(({ toolCalls }) => toolCalls);
  return {
    turnId: `turn-${index}` as TurnId,
    index,
    line,
    prompt: `Prompt ${index}`,
    promptContent: [{ type: 'text', text: `Prompt ${index}` }],
    attachments: 0,
    automatic: false,
    at: '2026-11-20T09:29:00Z',
    absorbed: [],
    steps,
    models: ['claude-sonnet-4-5'],
    tools: [...new Set(calls.map(({ name }) => name))],
    usage: noUsage,
    interrupted: false,
    error: null,
    active: true,
    compactedAway: false,
    parentTurnId: index === 1 ? null : (`turn-${index - 1}` as TurnId),
    ...over,
  };
}

export function session(over: Partial<RecordedSession>): RecordedSession {
  return {
    summary: summary({ file: '/s.jsonl' }),
    turns: [],
    branches: [],
    subagents: [],
    compactions: [],
    queued: [],
    problems: [],
    ...over,
  };
}
