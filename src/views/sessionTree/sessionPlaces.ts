import type { TurnOutline } from '../../core/session/recordedSession.ts';

/** A turn, and a line of the transcript inside it: halves and quarters stand between lines. */
export interface Place {
  turnId: string;
  line: number;
}

/** Where messages and tool calls of a session stand. Looks through the turns once, and not before it is asked. */
export class SessionPlaces {
  readonly #turns: readonly TurnOutline[];
  #messages: Map<string, Place> | null = null;
  #calls: Map<string, number> | null = null;

  constructor(turns: readonly TurnOutline[]) {
    this.#turns = turns;
  }

  /** The place behind a message, null where it is not recorded. */
  after(uuid: string | null): Place | null {
    if (uuid === null) return null;
    this.#messages ??= placesOfMessages(this.#turns);
    return this.#messages.get(uuid) ?? null;
  }

  /** The line behind the reply that holds the call, the very end where that is not recorded. */
  lineOfCall(toolUseId: string | null): number {
    if (toolUseId === null) return Number.MAX_SAFE_INTEGER;
    this.#calls ??= new Map(
      this.#turns.flatMap(({ steps }) =>
        steps.flatMap(({ line, toolCalls }) => toolCalls.map(({ id }) => [id, line + 0.25] as const)),
      ),
    );
    return this.#calls.get(toolUseId) ?? Number.MAX_SAFE_INTEGER;
  }
}

function placesOfMessages(turns: readonly TurnOutline[]): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const { turnId, line, steps } of turns) {
    places.set(turnId, { turnId, line });
    for (const step of steps) {
      const place = { turnId, line: step.line + 0.5 };
      for (const uuid of step.uuids) places.set(uuid, place);
      for (const { result } of step.toolCalls) if (result !== null) places.set(result.uuid, place);
    }
  }
  return places;
}
