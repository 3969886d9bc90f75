import * as z from 'zod';
import type { ChangedFile } from '../../core/agent/agentFacts.ts';
import { branchIdSchema, type RunId, runIdSchema } from '../../core/ids.ts';
import { forkPointName, recordedStateName } from '../../core/useCases/agentRuns.ts';
import { parsed, pathSegment, type UriParts } from '../documentUris.ts';

/** Scheme of the files of branches; needs an `onFileSystem:` activation event, so that restored tabs come back. */
export const codeScheme = 'forkpoint-code';

const sideSchema = z.union([z.literal(forkPointName), z.literal(recordedStateName), branchIdSchema]);
/** A state of a run's files. */
export type CodeSide = z.infer<typeof sideSchema>;

const codeQuery = z.object({
  run: runIdSchema,
  side: sideSchema,
  /** Relative to the project's root; null stands for a side that has no such file: an empty document. */
  path: z.string().min(1).nullable(),
});
export type CodeDocument = z.infer<typeof codeQuery>;

export interface CodeUriOptions {
  /** The file is no text: its summary must not be opened as what its name says. */
  binary?: boolean;
  /** Shown before the path, where files of several branches stand in one editor. */
  under?: string;
}

/** @param shown path that the editor shows and takes the language from */
export function codeUri(shown: string, query: CodeDocument, { binary, under }: CodeUriOptions = {}): UriParts {
  const segments = shown.split('/').map(pathSegment);
  const path = [...(under === undefined ? [] : [pathSegment(under)]), ...segments].join('/');
  return { scheme: codeScheme, path: `/${path}${binary ? ' (binary)' : ''}`, query: JSON.stringify(query) };
}

/** Null for a query that isn't ours. */
export function parseCodeUri(query: string): CodeDocument | null {
  return parsed(codeQuery, query);
}

/** The two sides of a changed file, as the editor for two files takes them: where there is no file, an empty one. */
export function fileSides(
  runId: RunId,
  { path, from, status, binary }: ChangedFile,
  a: CodeSide,
  b: CodeSide,
  under?: string,
): { left: UriParts; right: UriParts; hasLeft: boolean; hasRight: boolean } {
  const [hasLeft, hasRight] = [status !== 'added', status !== 'deleted'];
  const options = { binary, ...(under !== undefined && { under }) };
  const before = from ?? path;
  return {
    left: codeUri(before, { run: runId, side: a, path: hasLeft ? before : null }, options),
    right: codeUri(path, { run: runId, side: b, path: hasRight ? path : null }, options),
    hasLeft,
    hasRight,
  };
}

/** Title of a file's diff: `slugify.ts (fork point ↔ cheaper)`. */
export function fileTitle({ path }: Pick<ChangedFile, 'path'>, a: string, b: string): string {
  return `${path.slice(path.lastIndexOf('/') + 1)} (${a} ↔ ${b})`;
}
