// src/adapters/shared: runs and blobs in a store that several machines share, a folder or S3. What an event means is
// not known here, and no key is stored.

import type { SharedStore } from '../../core/sharedStore.ts';
import { storeLocationOf } from './storeLocation.ts';

/** The store at a location. Nothing is read before it is used. @throws BadInputError */
export async function openSharedStore(text: string): Promise<SharedStore> {
  const location = storeLocationOf(text);
  if (location.kind === 'folder') {
    const { createFolderStore } = await import('./createFolderStore.ts');
    return createFolderStore(location.folder);
  }
  const { createS3Store } = await import('./createS3Store.ts');
  return createS3Store(location);
}
