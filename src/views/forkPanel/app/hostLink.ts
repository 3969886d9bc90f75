import {
  type EventData,
  type EventName,
  events,
  hostMessageSchema,
  type Method,
  methods,
  type Params,
  type Result,
  type ShownError,
} from '../protocol.ts';

/** A call that the host answered with an error, or in a form that can't be used. */
export class HostError extends Error {
  constructor(readonly shown: ShownError) {
    super(shown.message);
    this.name = 'HostError';
  }
}

type Waiting = { method: Method; resolve(value: unknown): void; reject(error: HostError): void };
type Listeners = { [E in EventName]: (data: EventData<E>) => void };

/** The panel's end of the message channel. Everything that comes in is checked; what doesn't fit is never acted on. */
export class HostLink {
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  constructor(
    private readonly post: (message: unknown) => void,
    private readonly listeners: Listeners,
  ) {}

  /** @throws HostError */
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const id = ++this.lastId;
    return new Promise<Result<M>>((resolve, reject) => {
      this.waiting.set(id, { method, resolve: (value) => resolve(value as Result<M>), reject });
      this.post({ id, method, params });
    });
  }

  /** Takes a message of the host. */
  receive(raw: unknown): void {
    const message = hostMessageSchema.safeParse(raw);
    if (!message.success) return;
    if ('event' in message.data) this.tell(message.data.event, message.data.data);
    else if ('error' in message.data) this.fail(message.data.id, message.data.error);
    else this.answer(message.data.id, message.data.result);
  }

  private answer(id: number, raw: unknown): void {
    const call = this.waiting.get(id);
    if (!call) return;
    this.waiting.delete(id);
    const result = methods[call.method].result.safeParse(raw);
    if (result.success) call.resolve(result.data);
    else call.reject(new HostError(unusable(call.method)));
  }

  private fail(id: number | null, error: ShownError): void {
    // Without an id the host could not even read which call it was: it was the last one.
    const call = this.waiting.get(id ?? this.lastId);
    this.waiting.delete(id ?? this.lastId);
    call?.reject(new HostError(error));
  }

  private tell<E extends EventName>(event: E, raw: unknown): void {
    const data = events[event].safeParse(raw);
    if (data.success) this.listeners[event](data.data as EventData<E>);
  }
}

function unusable(method: Method): ShownError {
  return {
    code: 'bad_input',
    message: `Forkpoint’s answer to “${method}” can’t be used.`,
    hint: 'Reload the window, so that the panel and the extension are of the same version.',
  };
}
