import * as z from 'zod';
import { forkPointSchema } from '../../core/fork/forkRequest.ts';
import { plainText } from '../../core/plainText.ts';
import type { UriParts } from '../documentUris.ts';

/** Scheme of the files at a turn; needs an `onFileSystem:` activation event, so that restored tabs come back. */
export const fileScheme = 'forkpoint-file';

const turnOfSession = { file: z.string().min(1), turn: z.int().positive() };
const fileQuery = z.union([
  z.object({ ...turnOfSession, path: z.string().min(1), side: z.enum(['before', 'after']) }),
  z.object({ ...turnOfSession, report: z.literal(true) }),
  z.object({ ...turnOfSession, at: forkPointSchema }),
]);

/** A file as it was beside a turn, or a list: of what the turn did to all of them, or of what they held at a cut. `file` is the transcript. */
export type FileDocument = z.infer<typeof fileQuery>;

/**
 * The path of the file stays what the editor shows and takes the language from.
 * @param path as `TurnFile.path` has it
 */
export function fileUri(path: string, query: FileDocument): UriParts {
  const segments = plainText(path)
    .split(/[\\/]/)
    .map((segment) => segment.trim())
    .filter((segment) => segment !== '' && !/^\.+$/.test(segment));
  return { scheme: fileScheme, path: `/${segments.join('/') || 'untitled'}`, query: JSON.stringify(query) };
}

/** Null for a query that isn't ours. */
export function parseFileUri(query: string): FileDocument | null {
  try {
    return fileQuery.safeParse(JSON.parse(query)).data ?? null;
  } catch {
    return null;
  }
}
