import * as z from 'zod';
import type { ChangedFile } from '../../core/agent/agentFacts.ts';
import { branchIdSchema, runIdSchema } from '../../core/ids.ts';
import type { UriParts } from '../documentUris.ts';

/** Scheme of the resources behind rows of changed files: decorations are asked for by it, nothing is ever read. */
export const changedFileScheme = 'forkpoint-changed';

const status = z.enum(['added', 'modified', 'deleted', 'renamed']);
const querySchema = z.object({ run: runIdSchema, branch: branchIdSchema, status });
export type ChangedFileQuery = z.infer<typeof querySchema>;

/** What a row's icon and decoration are found by. */
export function changedFileUri({ path, status }: ChangedFile, of: Omit<ChangedFileQuery, 'status'>): UriParts {
  return { scheme: changedFileScheme, path: `/${path}`, query: JSON.stringify({ ...of, status }) };
}

/** Null for a query that isn't ours. */
export function statusOf(query: string): ChangedFile['status'] | null {
  try {
    return querySchema.safeParse(JSON.parse(query)).data?.status ?? null;
  } catch {
    return null;
  }
}

/** As git's own rows have it: a letter, a word, a colour. */
export const decorations = {
  added: { badge: 'A', tooltip: 'Added', color: 'gitDecoration.addedResourceForeground' },
  modified: { badge: 'M', tooltip: 'Modified', color: 'gitDecoration.modifiedResourceForeground' },
  deleted: { badge: 'D', tooltip: 'Deleted', color: 'gitDecoration.deletedResourceForeground' },
  renamed: { badge: 'R', tooltip: 'Renamed', color: 'gitDecoration.renamedResourceForeground' },
} as const satisfies Record<ChangedFile['status'], { badge: string; tooltip: string; color: string }>;
