import { ReplyAccumulator } from '../api/replyAccumulator.ts';
import type { StoredReply } from '../api/storedReply.ts';
import type { Failure } from '../failure.ts';
import type { AgentMessage, AgentTurnEnd } from './agentPorts.ts';
import { BackgroundTasks } from './backgroundTasks.ts';
import type { AssistantLine, RateLimit, ResultLine, StreamLine, UserLine } from './streamProtocol.ts';
import { failureOf, turnEndOf } from './turnEnd.ts';

/** The model name of replies that Claude Code writes itself, for errors. */
const notAModel = '<synthetic>';
const causes = new Map([
  ['authentication_failed', 'The login is not accepted'],
  ['overloaded', 'The API is overloaded'],
  ['rate_limit', 'The API asks for a pause (rate limit)'],
  ['server_error', 'The API had an error of its own'],
]);

/** What Claude Code answers a call with that was interrupted, or that waited for a person when it was; up to 2.1.329. */
const interruptedCall = "The user doesn't want to proceed with this tool use.";

interface StreamedReply {
  id: string;
  reply: ReplyAccumulator;
}

type WhyOurs = (tool: string, input: unknown) => string | null;

/** Makes of Claude Code's lines what the agent says, and how its turn ends. Holds no I/O and no time. */
export class TurnReader {
  readonly tasks = new BackgroundTasks();
  readonly #costBefore: number;
  readonly #whyOurs: WhyOurs;
  #streamed: StreamedReply | null = null;
  /** Replies that were given whole already, so that the same message in other lines counts once. */
  readonly #given = new Set<string>();
  /** A reply that comes without a stream, in several lines. */
  #gathered: { id: string; reply: StoredReply } | null = null;
  readonly #inputs = new Map<string, unknown>();
  readonly #denied = new Set<string>();
  readonly #interrupted = new Set<string>();
  #begun = false;
  #started = false;
  #stopReason: string | null = null;
  #apiError: AssistantLine | null = null;
  #rateLimit: RateLimit | null = null;
  #costUsd: number | null = null;
  #end: AgentTurnEnd | null = null;
  #hopeless: Failure | null = null;

  /**
   * @param costBefore US dollars that the session had cost before: some versions report the sum of all its processes
   * @param whyOurs why rules of ours deny a call, null where they don't
   */
  constructor(costBefore = 0, whyOurs: WhyOurs = () => null) {
    this.#costBefore = costBefore;
    this.#whyOurs = whyOurs;
  }

  /** How the turn ended; null while it goes on, also where it goes on because something in the background ended. */
  get end(): AgentTurnEnd | null {
    return this.#end;
  }

  /** Set where Claude Code asks again and again for what can't be had: a login that is refused. */
  get hopeless(): Failure | null {
    return this.#hopeless;
  }

  /** What a call was made with, undefined where it isn't known yet. */
  inputOf(callId: string): unknown {
    return this.#inputs.get(callId);
  }

  /** Calls that were answered with a person's or our own refusal: Claude Code lists them once more at the end. */
  noteDenied(callId: string): void {
    this.#denied.add(callId);
  }

  add(line: StreamLine): AgentMessage[] {
    switch (line.type) {
      case 'system':
        return this.#system(line);
      case 'stream_event':
        return this.#event(line.event, line.parent_tool_use_id ?? null);
      case 'assistant':
        return this.#assistant(line);
      case 'user':
        return this.#user(line);
      case 'rate_limit_event':
        this.#rateLimit = line.rate_limit_info;
        return [];
      case 'result':
        return this.#result(line);
      case 'control_request':
      case 'control_cancel_request':
        return [];
    }
  }

  /** What was begun and will not be ended: the program is gone. */
  finish(): AgentMessage[] {
    const gathered = this.#flushGathered();
    const streamed = this.#streamed;
    this.#streamed = null;
    if (streamed === null || streamed.reply.reply(null).content.length === 0) return gathered;
    return [...gathered, this.#give(streamed.id, streamed.reply.reply(null), null)];
  }

  #system(line: StreamLine & { type: 'system' }): AgentMessage[] {
    switch (line.subtype) {
      case 'init': {
        this.#end = null;
        if (this.#started) return [];
        this.#started = true;
        const { model, tools, claude_code_version: version = null, permissionMode = null } = line;
        return [{ type: 'started', model, tools, version, permissionMode }];
      }
      case 'api_retry':
        return this.#retry(line);
      case 'compact_boundary':
        return [{ type: 'compacted', preTokens: line.compact_metadata?.pre_tokens ?? null }];
      case 'permission_denied':
        return this.#deny(line.tool_use_id, line.tool_name, this.#inputs.get(line.tool_use_id), line.message ?? null);
      default:
        this.tasks.add(line);
        return [];
    }
  }

  #retry(line: Extract<StreamLine, { subtype: 'api_retry' }>): AgentMessage[] {
    // The reply that was cut is asked for anew, as a whole.
    this.#streamed = null;
    const status = line.error_status ?? null;
    const cause = causes.get(line.error ?? '') ?? 'The request to the API failed';
    const message = status === null ? `${cause}.` : `${cause} (${status}).`;
    // The first refusal makes Claude Code renew its token; the second is no matter of time.
    if (line.attempt >= 2 && (status === 401 || line.error === 'authentication_failed')) {
      this.#hopeless = failureOf(message, status, 'authentication_failed');
    }
    return [{ type: 'retrying', attempt: line.attempt, delayMs: line.retry_delay_ms, message }];
  }

  #event(event: { type: string; [key: string]: unknown }, parent: string | null): AgentMessage[] {
    // A subagent's replies come whole, as `assistant` lines.
    if (parent !== null) return [];
    const messages: AgentMessage[] = event.type === 'message_start' ? this.#flushGathered() : [];
    if (event.type === 'message_start') {
      this.#end = null;
      this.tasks.asked();
      this.#streamed = { id: idOf(event.message), reply: new ReplyAccumulator() };
      if (!this.#begun) messages.push({ type: 'first-token' });
      this.#begun = true;
    }
    const streamed = this.#streamed;
    if (streamed === null) return messages;
    const { text, outputTokens } = streamed.reply.add(event);
    if (text !== null || outputTokens !== null) messages.push({ type: 'text', text: text ?? '', outputTokens });
    const reply = streamed.reply.complete ? streamed.reply.reply(null) : null;
    // Claude Code ends a stream that was cut, too, but knows no reason; then it asks anew.
    if (reply !== null && reply.stopReason !== null) {
      this.#streamed = null;
      messages.push(this.#give(streamed.id, reply, null));
    }
    return messages;
  }

  #assistant(line: AssistantLine): AgentMessage[] {
    const { message, parent_tool_use_id: parent = null } = line;
    if (message.model === notAModel || line.error != null) {
      if (parent === null) this.#apiError = line;
      return this.#flushGathered();
    }
    if (parent !== null) {
      const usage = this.#given.has(message.id) ? {} : message.usage;
      this.#given.add(message.id);
      return [this.#give(message.id, replyOf(line, usage), parent)];
    }
    if (this.#streamed?.id === message.id) this.#noteInputs(message.content);
    if (this.#given.has(message.id) || this.#streamed?.id === message.id) return [];
    this.tasks.asked();
    const flushed = this.#gathered?.id === message.id ? [] : this.#flushGathered();
    const content = [...(this.#gathered?.reply.content ?? []), ...message.content];
    this.#gathered = { id: message.id, reply: { ...replyOf(line, message.usage), content } };
    return flushed;
  }

  #user(line: UserLine): AgentMessage[] {
    const { content } = line.message;
    const parent = line.parent_tool_use_id ?? null;
    const messages: AgentMessage[] = parent === null ? this.#flushGathered() : [];
    if (typeof content === 'string') return messages;
    for (const block of content) {
      if (block.type !== 'tool_result' || typeof block.tool_use_id !== 'string') continue;
      const { tool_use_id: callId, content: result } = block;
      if (block.is_error === true && textOf(result).startsWith(interruptedCall)) this.#interrupted.add(callId);
      messages.push({ type: 'tool-result', callId, content: result, isError: block.is_error === true, parent });
    }
    return messages;
  }

  #result(line: ResultLine): AgentMessage[] {
    const messages = this.finish();
    for (const { tool_use_id: callId, tool_name: tool, tool_input: input } of line.permission_denials) {
      // An interrupt is listed too, though nobody denied anything.
      if (!this.#interrupted.has(callId)) messages.push(...this.#deny(callId, tool, input, null));
    }
    this.#countCost(line);
    const facts = { stopReason: this.#stopReason, apiError: this.#apiError, rateLimit: this.#rateLimit };
    this.#end = turnEndOf(line, { ...facts, costUsd: this.#costUsd });
    return messages;
  }

  #countCost(line: ResultLine): void {
    const since = Object.values(line.model_usage_since_last_result ?? {});
    if (line.model_usage_since_last_result != null) {
      this.#costUsd = since.reduce((sum, { costUSD }) => sum + (costUSD ?? 0), this.#costUsd ?? 0);
    } else if (line.total_cost_usd != null) {
      this.#costUsd = Math.max(0, line.total_cost_usd - this.#costBefore);
    }
  }

  #deny(callId: string, tool: string, input: unknown, message: string | null): AgentMessage[] {
    if (this.#denied.has(callId)) return [];
    this.#denied.add(callId);
    const why = this.#whyOurs(tool, input) ?? message ?? 'Denied by Claude Code’s own settings.';
    return [{ type: 'denied', callId, tool, input, message: why }];
  }

  #flushGathered(): AgentMessage[] {
    const gathered = this.#gathered;
    this.#gathered = null;
    return gathered === null ? [] : [this.#give(gathered.id, gathered.reply, null)];
  }

  #give(messageId: string, reply: StoredReply, parent: string | null): AgentMessage {
    this.#given.add(messageId);
    const content = reply.content.map((block) => {
      const known = block.type === 'tool_use' && typeof block.id === 'string' && this.#inputs.has(block.id);
      return known ? { ...block, input: this.#inputs.get(String(block.id)) } : block;
    });
    this.#noteInputs(content);
    if (parent === null) {
      this.#stopReason = reply.stopReason;
      this.#apiError = null;
    }
    return { type: 'reply', reply: { ...reply, content }, messageId, parent };
  }

  /**
   * The whole lines have a call as Claude Code carries it out and records it: with defaults, without `cd` to where it is
   * anyway, without spaces at the ends of lines. As the model wrote it, it would differ from the same call of the recording.
   */
  #noteInputs(content: StoredReply['content']): void {
    for (const { type, id, input } of content) {
      if (type === 'tool_use' && typeof id === 'string') this.#inputs.set(id, input);
    }
  }
}

function idOf(message: unknown): string {
  const id = typeof message === 'object' && message !== null && 'id' in message ? message.id : null;
  return typeof id === 'string' ? id : '';
}

/** The first text of a result. */
function textOf(content: unknown): string {
  const first: unknown = Array.isArray(content) ? content[0] : content;
  const text = typeof first === 'object' && first !== null && 'text' in first ? first.text : first;
  return typeof text === 'string' ? text : '';
}

/** The reply of an `assistant` line: of the parts that such a line tells. */
function replyOf({ message, request_id: requestId = null }: AssistantLine, usage: unknown): StoredReply {
  const counter = new ReplyAccumulator();
  counter.add({ type: 'message_start', message: { model: message.model, usage } });
  return { ...counter.reply(requestId), content: message.content, stopReason: message.stop_reason ?? null };
}
