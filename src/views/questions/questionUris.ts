import * as z from 'zod';
import { branchIdSchema, runIdSchema } from '../../core/ids.ts';
import type { QuestionTarget } from '../commandTable.ts';
import { parsed, pathSegment, type UriParts } from '../documentUris.ts';

/** Scheme of what agents ask for; needs an `onFileSystem:` activation event, so that restored tabs come back. */
export const questionScheme = 'forkpoint-question';

const questionQuery = z.object({
  run: runIdSchema,
  branch: branchIdSchema,
  call: z.string().min(1),
  part: z.enum(['text', 'before', 'after']),
});
export type QuestionDocument = z.infer<typeof questionQuery>;

/** @param name what the tab shows and the language is taken from */
export function questionUri(
  { runId, branchId, callId }: QuestionTarget,
  name: string,
  part: QuestionDocument['part'],
): UriParts {
  const query: QuestionDocument = { run: runId, branch: branchId, call: callId, part };
  return { scheme: questionScheme, path: `/${pathSegment(name)}`, query: JSON.stringify(query) };
}

/** The question whose document this is, null for another query. */
export function questionOfUri(query: string): QuestionTarget | null {
  const asked = parseQuestionUri(query);
  return asked && { runId: asked.run, branchId: asked.branch, callId: asked.call };
}

export function parseQuestionUri(query: string): QuestionDocument | null {
  return parsed(questionQuery, query);
}
