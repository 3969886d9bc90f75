import path from 'node:path';
import { createBlobStore } from './adapters/blobs/createBlobStore.ts';
import { createRunStore } from './adapters/runs/createRunStore.ts';
import { createSharedRunStore } from './adapters/shared/createSharedRunStore.ts';
import { storeLocationOf, storeText } from './adapters/shared/storeLocation.ts';
import type { BlobStore } from './core/blobStore.ts';
import type { EncryptionSettings } from './core/encryptionSettings.ts';
import type { RunStore } from './core/run/ports.ts';
import type { RunSharing } from './core/run/runSharing.ts';
import type { SharedStore } from './core/sharedStore.ts';

export interface StoresOptions {
  home: string;
  /** Of the shared store, as the settings say it. */
  location: string | undefined;
  encryption: () => Promise<EncryptionSettings | null>;
  log?: ((message: string, error: unknown) => void) | undefined;
}

/** Where runs and their bodies are kept. */
export interface Stores {
  runs: RunStore;
  blobs: BlobStore;
  /** Null without a shared store. */
  sharing: RunSharing | null;
  /** Where the shared store is. */
  location: string | null;
}

/** @throws BadInputError for what is no location */
export function createStores({ home, location: given, encryption, log }: StoresOptions): Stores {
  const dir = path.join(home, 'runs');
  const local = createRunStore(dir);
  const blobs = createBlobStore(path.join(home, 'blobs'));
  const location = given ? storeText(storeLocationOf(given)) : null;
  const open = (at: string) => openStore(at, encryption);
  const shared = createSharedRunStore({ local, dir, blobs, location, open, ...(log !== undefined && { log }) });
  return { ...shared, blobs, location };
}

/** What goes to a shared store is encrypted where the payloads are. */
async function openStore(location: string, encryption: StoresOptions['encryption']): Promise<SharedStore> {
  const [{ openSharedStore }, { createEncryptedStore }] = await Promise.all([
    import('./adapters/shared/openSharedStore.ts'),
    import('./orchestration/temporal/codec/createEncryptedStore.ts'),
  ]);
  return createEncryptedStore(await openSharedStore(location), { encryption });
}
