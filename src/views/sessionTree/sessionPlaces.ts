import type { TurnOutline } from '../../core/session/recordedSession.ts';

/** A turn, and a line of the transcript inside it: halves and quarters stand between lines. */
export interface Place {
  turnId: string;
  line: number;
}

/** What places are asked for. Null asks for nothing. */
interface Wanted {
  /** `uuid`s of messages, and ids of turns. */
  messages: readonly (string | null)[];
  /** Ids of tool calls. */
  calls: readonly (string | null)[];
}

/** Where some messages and tool calls of a session stand. Only those asked for are kept: a session may have 100,000. */
export class SessionPlaces {
  readonly #messages = new Map<string, Place>();
  readonly #calls = new Map<string, number>();

  constructor(turns: readonly TurnOutline[], wanted: Wanted) {
    const messages = new Set(wanted.messages.filter((uuid) => uuid !== null));
    const calls = new Set(wanted.calls.filter((id) => id !== null));
    if (messages.size === 0 && calls.size === 0) return;
    for (const turn of turns) this.#lookThrough(turn, messages, calls);
  }

  /** The place behind a message, null where it is not recorded. */
  after(uuid: string | null): Place | null {
    return uuid === null ? null : (this.#messages.get(uuid) ?? null);
  }

  /** The line behind the reply that holds the call, the very end where that is not recorded. */
  lineOfCall(toolUseId: string | null): number {
    return (toolUseId === null ? undefined : this.#calls.get(toolUseId)) ?? Number.MAX_SAFE_INTEGER;
  }

  #lookThrough({ turnId, line, steps }: TurnOutline, messages: Set<string>, calls: Set<string>): void {
    if (messages.has(turnId)) this.#messages.set(turnId, { turnId, line });
    for (const step of steps) {
      const place = { turnId, line: step.line + 0.5 };
      for (const uuid of step.uuids) if (messages.has(uuid)) this.#messages.set(uuid, place);
      for (const { id, result } of step.toolCalls) {
        if (calls.has(id)) this.#calls.set(id, step.line + 0.25);
        if (result !== null && messages.has(result.uuid)) this.#messages.set(result.uuid, place);
      }
    }
  }
}
