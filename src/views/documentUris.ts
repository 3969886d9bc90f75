import * as z from 'zod';
import { oneLine } from '../core/format.ts';
import { branchIdSchema, runIdSchema } from '../core/ids.ts';

/** Schemes of our documents; each needs an `onFileSystem:` activation event, so that restored tabs come back. */
export const turnScheme = 'forkpoint-turn';
export const branchScheme = 'forkpoint-branch';
export const problemsScheme = 'forkpoint-problems';
export const setupScheme = 'forkpoint-setup';

/** What a URI is made of; `vscode.Uri.from` takes it. */
export interface UriParts {
  scheme: string;
  path: string;
  query: string;
}

const turnQuery = z.object({ file: z.string().min(1), turn: z.int().positive() });
const problemsQuery = z.object({ file: z.string().min(1) });
const branchQuery = z.object({ run: runIdSchema, branch: z.union([z.literal('recorded'), branchIdSchema]) });

export type TurnDocument = z.infer<typeof turnQuery>;
export type ProblemsDocumentQuery = z.infer<typeof problemsQuery>;
export type BranchDocument = z.infer<typeof branchQuery>;

/** @param title what the tab shows */
export function turnUri(title: string, query: TurnDocument): UriParts {
  return { scheme: turnScheme, path: `/${pathSegment(title)}`, query: JSON.stringify(query) };
}

/** @param title of the session */
export function problemsUri(title: string, query: ProblemsDocumentQuery): UriParts {
  const path = `/${pathSegment(`Problems in ${title}`)}`;
  return { scheme: problemsScheme, path, query: JSON.stringify(query) };
}

/** @param runTitle shown beside the branch's name where tabs and the multi-file diff show a folder */
export function branchUri(runTitle: string, name: string, query: BranchDocument): UriParts {
  const path = `/${pathSegment(runTitle)}/${pathSegment(name)}`;
  return { scheme: branchScheme, path, query: JSON.stringify(query) };
}

/** Null for a query that isn't ours. */
export function parseTurnUri(query: string): TurnDocument | null {
  return parsed(turnQuery, query);
}

export function parseProblemsUri(query: string): ProblemsDocumentQuery | null {
  return parsed(problemsQuery, query);
}

export function parseBranchUri(query: string): BranchDocument | null {
  return parsed(branchQuery, query);
}

/** Null for a query that the schema doesn't take. */
export function parsed<T>(schema: z.ZodType<T>, query: string): T | null {
  try {
    return schema.safeParse(JSON.parse(query)).data ?? null;
  } catch {
    return null;
  }
}

/** A title as one segment of a path: slashes would make folders of it, dots alone would climb. */
export function pathSegment(title: string): string {
  const segment = oneLine(title, 60).replace(/[\\/]/g, '∕');
  return /^\.*$/.test(segment) ? 'untitled' : segment;
}
