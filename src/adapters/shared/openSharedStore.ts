// src/adapters/shared: the store that workers of all machines reach, in a folder or in S3, and the runs and blobs in it.
// Nothing of Temporal: who works on what is not known here.

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
