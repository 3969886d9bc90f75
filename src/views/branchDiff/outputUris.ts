import * as z from 'zod';
import { blobRefSchema } from '../../core/ids.ts';
import { parsed, pathSegment, type UriParts } from '../documentUris.ts';

/** Scheme of what commands printed; needs an `onFileSystem:` activation event, so that restored tabs come back. */
export const outputScheme = 'forkpoint-output';

/** The text by its content: what a check printed never changes. Null for a command that printed nothing. */
const outputQuery = z.object({ output: blobRefSchema.nullable(), name: z.string(), outcome: z.string() });
export type OutputDocument = z.infer<typeof outputQuery>;

/** @param of whose it is, for the folder that the tab shows */
export function outputUri(of: string, query: OutputDocument): UriParts {
  // A log: VS Code colours it, and takes no name of a command for a language.
  const path = `/${pathSegment(of)}/${pathSegment(query.name)}.log`;
  return { scheme: outputScheme, path, query: JSON.stringify(query) };
}

/** Null for a query that isn't ours. */
export function parseOutputUri(query: string): OutputDocument | null {
  return parsed(outputQuery, query);
}
