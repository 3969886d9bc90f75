import type { MessagesRequest } from '../../src/core/api/messagesRequest.ts';
import { noUsage } from '../../src/core/api/usage.ts';
import type { ForkContext } from '../../src/core/fork/forkContext.ts';
import type { PrefixMatch } from '../../src/core/fork/prefixMatch.ts';
import { runIdSchema, sessionIdSchema, turnIdSchema } from '../../src/core/ids.ts';
import { noContext, type SessionSummary, type Step, type Turn } from '../../src/core/session/recordedSession.ts';

/** Made-up sessions and fork contexts for tests of what follows the reading. */

export const recordedModel = 'claude-opus-4-5';

export function summary(over: Partial<SessionSummary> = {}): SessionSummary {
  return {
    sessionId: sessionIdSchema.parse('5e551011-0000-4000-8000-000000000001'),
    file: '/sessions/one.jsonl',
    projectPath: '/home/sam/slug-tools',
    title: 'Fix the slugify edge cases',
    turns: 3,
    firstAt: null,
    lastAt: null,
    bytes: 1,
    models: [recordedModel],
    costUsd: null,
    gitBranch: null,
    version: null,
    problems: 0,
    modifiedAt: null,
    isNamed: true,
    foreignTitles: [],
    roots: [],
    forkedFrom: null,
    ...noContext,
    ...over,
  };
}

export function step(over: Partial<Step> = {}): Step {
  return {
    index: 1,
    messageId: 'msg_1',
    uuids: ['a1'],
    line: 2,
    at: '2026-01-01T00:00:05.000Z',
    model: recordedModel,
    content: [{ type: 'text', text: 'Done.' }],
    text: 'Done.',
    toolCalls: [],
    usage: { ...noUsage, inputTokens: 100, outputTokens: 20 },
    effort: null,
    stopReason: 'end_turn',
    error: null,
    ...over,
  };
}

export function turn(over: Partial<Turn> = {}): Turn {
  return {
    turnId: turnIdSchema.parse('u2'),
    index: 2,
    line: 1,
    prompt: 'Now handle emoji',
    promptContent: [{ type: 'text', text: 'Now handle emoji' }],
    attachments: 0,
    automatic: false,
    at: '2026-01-01T00:00:00.000Z',
    absorbed: [],
    steps: [step()],
    models: [recordedModel],
    tools: [],
    usage: noUsage,
    interrupted: false,
    error: null,
    active: true,
    compactedAway: false,
    parentTurnId: null,
    ...over,
  };
}

export function request(over: Partial<MessagesRequest> = {}): MessagesRequest {
  return {
    model: recordedModel,
    max_tokens: 32_000,
    system: [{ type: 'text', text: 'You are helpful.', cache_control: { type: 'ephemeral' } }],
    tools: [{ name: 'Read', input_schema: { type: 'object' } }],
    thinking: { type: 'enabled', budget_tokens: 10_000 },
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'Why are accents dropped?' }] },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 'sig' },
          { type: 'text', text: 'Because of the pattern.' },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'text', text: '<system-reminder>Be brief.</system-reminder>' },
          { type: 'text', text: 'Now handle emoji', cache_control: { type: 'ephemeral' } },
        ],
      },
    ],
    ...over,
  };
}

/** Of a request that equals the recorded one. */
export const wholePrefix: PrefixMatch = {
  requestId: 'req-1',
  messages: { equal: 3, total: 3 },
  system: true,
  tools: true,
  parameters: [],
  cacheCanHit: true,
  stopsAt: null,
};

export function context(over: Partial<ForkContext> = {}): ForkContext {
  return {
    point: {
      kind: 'before',
      uuid: 'u2',
      turnIndex: 2,
      turnId: turnIdSchema.parse('u2'),
      label: 'before “Now handle emoji”',
    },
    rebuilt: {
      fidelity: 'exact',
      digestVerified: true,
      missing: [],
      request: request(),
      betas: ['some-beta-2026-01-01'],
      promptAt: { message: 2, block: 1 },
      completed: [],
      prefix: wholePrefix,
      inputTokens: 5_000,
    },
    recordedPrompt: 'Now handle emoji',
    following: [turn()],
    ...over,
  };
}

export const runId = runIdSchema.parse('r-20260101-000000-aaaaaa');
