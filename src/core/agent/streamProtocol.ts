import * as z from 'zod';

// What Claude Code's `stream-json` says and is told, a JSON object a line. Undocumented in parts and different between
// versions: members that we don't need are not looked at, and what isn't understood is passed over.

const text = z.string().nullish().catch(null);
const number = z.number().nullish().catch(null);

const initSchema = z.object({
  type: z.literal('system'),
  subtype: z.literal('init'),
  model: z.string(),
  tools: z.array(z.string()).catch([]),
  permissionMode: text,
  claude_code_version: text,
});

const retrySchema = z.object({
  type: z.literal('system'),
  subtype: z.literal('api_retry'),
  attempt: z.number(),
  retry_delay_ms: z.number(),
  error_status: number,
  error: text,
});

const compactionSchema = z.object({
  type: z.literal('system'),
  subtype: z.literal('compact_boundary'),
  compact_metadata: z.object({ pre_tokens: number }).nullish().catch(null),
});

const deniedSchema = z.object({
  type: z.literal('system'),
  subtype: z.literal('permission_denied'),
  tool_name: z.string(),
  tool_use_id: z.string(),
  message: text,
});

const taskSchema = z.object({ task_id: z.string(), task_type: text });

const taskLineSchemas = [
  z.object({
    type: z.literal('system'),
    subtype: z.literal('background_tasks_changed'),
    tasks: z.array(taskSchema),
  }),
  taskSchema.extend({ type: z.literal('system'), subtype: z.literal('task_started') }),
  z.object({
    type: z.literal('system'),
    subtype: z.literal('task_updated'),
    task_id: z.string(),
    patch: z.object({ status: text }).catch({}),
  }),
  z.object({ type: z.literal('system'), subtype: z.literal('task_notification'), task_id: z.string() }),
] as const;

const systemSchema = z.discriminatedUnion('subtype', [
  initSchema,
  retrySchema,
  compactionSchema,
  deniedSchema,
  ...taskLineSchemas,
]);

const blockSchema = z.looseObject({ type: z.string() });

const streamEventSchema = z.object({
  type: z.literal('stream_event'),
  event: z.looseObject({ type: z.string() }),
  parent_tool_use_id: text,
});

const assistantSchema = z.object({
  type: z.literal('assistant'),
  message: z.object({
    id: z.string(),
    model: text,
    content: z.array(blockSchema),
    stop_reason: text,
    usage: z.unknown().optional(),
  }),
  parent_tool_use_id: text,
  /** Kind of the API's error, on a message that stands for one. */
  error: text,
  /** From 2.1.329 on: what of the account is at its end. */
  api_error: text,
  request_id: text,
});

const userSchema = z.object({
  type: z.literal('user'),
  message: z.object({ content: z.union([z.string(), z.array(blockSchema)]) }),
  parent_tool_use_id: text,
});

const rateLimitSchema = z.object({
  type: z.literal('rate_limit_event'),
  rate_limit_info: z.object({
    status: text,
    /** Seconds since the epoch. */
    resetsAt: number,
    rateLimitType: text,
  }),
});

const resultSchema = z.object({
  type: z.literal('result'),
  subtype: z.string(),
  is_error: z.boolean().catch(false),
  result: text,
  errors: z.array(z.string()).catch([]),
  stop_reason: text,
  terminal_reason: text,
  api_error: text,
  api_error_status: number,
  /** US dollars, of the whole session where that was resumed (2.1.290 and later). */
  total_cost_usd: number,
  /** From 2.1.329 on, by model. */
  model_usage_since_last_result: z
    .record(z.string(), z.object({ costUSD: number }))
    .nullish()
    .catch(null),
  permission_denials: z
    .array(z.object({ tool_name: z.string(), tool_use_id: z.string(), tool_input: z.unknown().optional() }))
    .catch([]),
});

const permissionRequestSchema = z.object({
  type: z.literal('control_request'),
  request_id: z.string(),
  request: z.object({
    subtype: z.literal('can_use_tool'),
    tool_name: z.string(),
    input: z.record(z.string(), z.unknown()),
    tool_use_id: text,
    decision_reason: text,
    /** `safetyCheck` where Claude Code takes a file for sensitive. */
    decision_reason_type: text,
  }),
});

/** Any other request of the program: it waits for an answer, so it is told that there is none. */
const otherRequestSchema = z.object({
  type: z.literal('control_request'),
  request_id: z.string(),
  request: z.object({ subtype: z.string() }),
});

const cancelSchema = z.object({ type: z.literal('control_cancel_request'), request_id: z.string() });

const lineSchema = z.union([
  streamEventSchema,
  systemSchema,
  assistantSchema,
  userSchema,
  rateLimitSchema,
  resultSchema,
  permissionRequestSchema,
  otherRequestSchema,
  cancelSchema,
]);

export type StreamLine = z.infer<typeof lineSchema>;
export type AssistantLine = z.infer<typeof assistantSchema>;
export type UserLine = z.infer<typeof userSchema>;
export type ResultLine = z.infer<typeof resultSchema>;
export type RateLimit = z.infer<typeof rateLimitSchema>['rate_limit_info'];
export type PermissionRequest = z.infer<typeof permissionRequestSchema>;

/** One line of the program's output. Null where it isn't JSON, or of a kind that means nothing to us. Never throws. */
export function readStreamLine(line: string): StreamLine | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const parsed = lineSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

/** Is it a call that waits for a permission? */
export function isPermissionRequest(line: StreamLine & { type: 'control_request' }): line is PermissionRequest {
  return 'tool_name' in line.request;
}

const lineOf = (value: unknown): string => `${JSON.stringify(value)}\n`;

/** A prompt, with any content blocks that the API knows. */
export function promptLine(content: readonly unknown[]): string {
  return lineOf({
    type: 'user',
    message: { role: 'user', content },
    parent_tool_use_id: null,
    session_id: '',
  });
}

/** Lets a call go through. `input` is what it then runs with. */
export function allowLine(requestId: string, input: unknown): string {
  return responseLine(requestId, { behavior: 'allow', updatedInput: input });
}

/** Refuses a call. The message is told to the agent. */
export function denyLine(requestId: string, message: string): string {
  return responseLine(requestId, { behavior: 'deny', message });
}

function responseLine(requestId: string, response: object): string {
  return lineOf({ type: 'control_response', response: { subtype: 'success', request_id: requestId, response } });
}

/** Answers a request that we don't know, so that the program doesn't wait for it. */
export function refusalLine(requestId: string, error: string): string {
  return lineOf({ type: 'control_response', response: { subtype: 'error', request_id: requestId, error } });
}

/** Stops the turn that is under way; a `result` follows. */
export function interruptLine(requestId: string): string {
  return lineOf({ type: 'control_request', request_id: requestId, request: { subtype: 'interrupt' } });
}
