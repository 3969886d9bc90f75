import { recordOf } from '../../core/recordOf.ts';

/** What is asked in full: a text, or the two sides of an edit. */
export type QuestionContent =
  | { kind: 'text'; language: 'sh' | 'md' | 'json'; text: string }
  | { kind: 'edit'; path: string; before: string; after: string };

/** The input of a call as a person reads it. Everything in it comes from a model. */
export function questionContent(tool: string, input: unknown): QuestionContent {
  const fields = recordOf(input);
  const { command, plan, file_path: file, notebook_path: notebook } = fields;
  if (typeof command === 'string') return { kind: 'text', language: 'sh', text: command };
  if (tool === 'ExitPlanMode' && typeof plan === 'string') return { kind: 'text', language: 'md', text: plan };
  const path = typeof file === 'string' ? file : typeof notebook === 'string' ? notebook : null;
  const edit = path === null ? null : editOf(fields);
  if (path !== null && edit !== null) return { kind: 'edit', path, ...edit };
  return { kind: 'text', language: 'json', text: `${JSON.stringify(input, null, 2)}\n` };
}

function editOf(fields: Readonly<Record<string, unknown>>): { before: string; after: string } | null {
  const { old_string: old, new_string: now, content, new_source: source, edits } = fields;
  if (typeof old === 'string' && typeof now === 'string') return { before: old, after: now };
  if (typeof content === 'string') return { before: '', after: content };
  if (typeof source === 'string') return { before: '', after: source };
  if (!Array.isArray(edits)) return null;
  const pairs = edits.map(recordOf).flatMap(({ old_string: before, new_string: after }) => {
    return typeof before === 'string' && typeof after === 'string' ? [{ before, after }] : [];
  });
  if (pairs.length === 0) return null;
  return {
    before: pairs.map(({ before }) => before).join('\n…\n'),
    after: pairs.map(({ after }) => after).join('\n…\n'),
  };
}
