import { readFile } from 'node:fs/promises';

/** Bytes that are left after a garbage collection. */
export interface Heaps {
  main: number;
  /** Of all worker threads together: in a Temporal worker those that run workflows. */
  threads: number;
}

/**
 * What a Node process still needs, asked of its inspector.
 * @param log of a process that was started with `--inspect=127.0.0.1:0`: it begins with the inspector's address
 */
export async function heapsOf(log: string): Promise<Heaps> {
  const address = /ws:\/\/127\.0\.0\.1:\S+/.exec(await readFile(log, 'utf8'))?.[0];
  if (address === undefined) throw new Error(`${log} names no inspector.`);
  const inspector = await Inspector.connect(address);
  try {
    return await inspector.heaps();
  } finally {
    inspector.close();
  }
}

interface Message {
  id?: number;
  method?: string;
  params?: { sessionId: string; message: string };
  result?: unknown;
}

class Inspector {
  readonly #socket: WebSocket;
  readonly #threads = new Set<string>();
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #serial = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }: MessageEvent) => this.#take(JSON.parse(String(data)) as Message);
  }

  static async connect(address: string): Promise<Inspector> {
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error(`The inspector on ${address} does not answer.`));
    });
    return new Inspector(socket);
  }

  async heaps(): Promise<Heaps> {
    // Tells of all threads before it answers.
    await this.#ask('NodeWorker.enable', { waitForDebuggerOnStart: false });
    let threads = 0;
    for (const thread of this.#threads) threads += await this.#heap(thread);
    return { main: await this.#heap(null), threads };
  }

  close(): void {
    this.#socket.close();
  }

  async #heap(thread: string | null): Promise<number> {
    await this.#ask('HeapProfiler.collectGarbage', {}, thread);
    const usage = (await this.#ask('Runtime.getHeapUsage', {}, thread)) as { usedSize: number };
    return usage.usedSize;
  }

  #ask(method: string, params: object, thread: string | null = null): Promise<unknown> {
    const id = ++this.#serial;
    const answered = new Promise<unknown>((resolve) => this.#waiting.set(id, resolve));
    const message = JSON.stringify({ id, method, params });
    const within = {
      id: ++this.#serial,
      method: 'NodeWorker.sendMessageToWorker',
      params: { sessionId: thread, message },
    };
    this.#socket.send(thread === null ? message : JSON.stringify(within));
    return answered;
  }

  #take({ id, method, params, result }: Message): void {
    if (method === 'NodeWorker.attachedToWorker' && params !== undefined) this.#threads.add(params.sessionId);
    if (method === 'NodeWorker.receivedMessageFromWorker' && params !== undefined) {
      this.#take(JSON.parse(params.message) as Message);
    }
    if (id !== undefined) this.#waiting.get(id)?.(result);
  }
}
