import * as z from 'zod';
import { type ForkPoint, forkPointSchema } from '../../core/fork/forkRequest.ts';
import type { KeyValueStore } from './draftStore.ts';

/** What a panel shows: a session, cut at a place. */
export interface ForkTarget {
  session: string;
  at: ForkPoint;
}

const storageKey = 'openPanels';
const storedSchema = z.array(z.object({ session: z.string().min(1), at: forkPointSchema })).catch([]);

/**
 * Which panels stand open. VS Code hands a panel's own state back after a restart, but a window that is reloaded right
 * after a panel was shown may not have written it yet: then this says what the panel was about.
 */
export class OpenTargets {
  private before: Promise<ForkTarget[]> | null = null;

  constructor(private readonly store: KeyValueStore) {}

  /** The panels that stand open now. */
  async keep(targets: readonly ForkTarget[]): Promise<void> {
    await this.read();
    await this.store.update(storageKey, targets);
  }

  /** A panel came back with its state: it is found. */
  async found(target: ForkTarget): Promise<void> {
    const before = await this.read();
    const index = before.findIndex((other) => JSON.stringify(other) === JSON.stringify(target));
    if (index >= 0) before.splice(index, 1);
  }

  /** The target of a panel that was restored without its state; null where none is known. */
  async take(): Promise<ForkTarget | null> {
    return (await this.read()).shift() ?? null;
  }

  /** What was open in the window before; read once, before this window's panels are written over it. */
  private read(): Promise<ForkTarget[]> {
    this.before ??= this.store.get(storageKey).then((stored) => storedSchema.parse(stored));
    return this.before;
  }
}
