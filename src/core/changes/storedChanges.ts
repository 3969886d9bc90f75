import * as z from 'zod';
import type { BlobStore } from '../blobStore.ts';
import type { BlobRef } from '../ids.ts';
import type { ChangeSet } from './changes.ts';

const versionSchema = z
  .object({ oid: z.string(), mode: z.enum(['100644', '100755', '120000']), bytes: z.number() })
  .nullable();

const changeSetSchema = z.object({
  root: z.string(),
  changes: z.array(z.object({ path: z.string(), before: versionSchema, after: versionSchema })),
  notes: z.array(z.string()),
});

/** The change set behind a reference of the run's log. @throws StorageError where the blob is absent or damaged */
export async function changeSetOf(ref: BlobRef, blobs: BlobStore): Promise<ChangeSet> {
  return changeSetSchema.parse(await blobs.get(ref));
}
