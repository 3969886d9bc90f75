import type { PatchHunk, RecordedEdit } from './recordedEdit.ts';
import { decodeText, encodeText, mostlyCrlf, unixLines } from './textForm.ts';

/** What a replayed edit gives. `sure` is false where the tool may have written other bytes. */
export interface EditedBytes {
  bytes: Uint8Array;
  sure: boolean;
}

/** Claude Code takes the line end with it when it deletes a text that stands alone on its line. */
function replaceOnce(text: string, old: string, next: string, all: boolean): string | null {
  const found = next === '' && !old.endsWith('\n') && text.includes(`${old}\n`) ? `${old}\n` : old;
  if (!text.includes(found)) return null;
  return all ? text.replaceAll(found, () => next) : text.replace(found, () => next);
}

function replaced(text: string, edit: RecordedEdit): string | null {
  if (edit.change.kind === 'write') return edit.change.content;
  let at: string | null = text;
  for (const { old, new: next, all } of edit.change.edits) {
    if (at === null) return null;
    at = old === '' ? (at === '' ? next : null) : replaceOnce(at, unixLines(old), unixLines(next), all);
  }
  return at;
}

// In patches, tabs may stand as spaces and a line may keep its CR.
function shown(line: string): string {
  return line.replaceAll('\t', '  ').replace(/\r$/, '').trimStart();
}

const noLineEnd = '\\';

/** Whether the text after an edit is what the recorded patch shows. */
function agrees(text: string, patch: readonly PatchHunk[]): boolean {
  const lines = text.split('\n');
  let shift = 0;
  for (const { oldStart, lines: changed } of patch) {
    const after = changed.filter((line) => !line.startsWith('-') && !line.startsWith(noLineEnd));
    const start = Math.max(0, oldStart - 1 + shift);
    if (after.some((line, index) => shown(lines[start + index] ?? '') !== shown(line.slice(1)))) return false;
    shift += after.length - changed.filter((line) => !line.startsWith('+') && !line.startsWith(noLineEnd)).length;
  }
  return true;
}

/** The text with the patch's lines in it; null where its unchanged lines are not those of the text. */
function patched(text: string, patch: readonly PatchHunk[]): string | null {
  const lines = text.split('\n');
  let shift = 0;
  for (const { oldStart, lines: changed } of patch) {
    const before = changed.filter((line) => line.startsWith(' ') || line.startsWith('-')).map((line) => line.slice(1));
    const after = changed.filter((line) => line.startsWith(' ') || line.startsWith('+')).map((line) => line.slice(1));
    const start = Math.max(0, oldStart - 1 + shift);
    if (before.some((line, index) => lines[start + index] !== line)) return null;
    lines.splice(start, before.length, ...after);
    shift += after.length - before.length;
  }
  return lines.join('\n');
}

function written(before: Uint8Array | null, edit: RecordedEdit, content: string): EditedBytes {
  const asProposed = !edit.userModified;
  if (before === null) return { bytes: encodeText(content, { encoding: 'utf-8', crlf: false }), sure: asProposed };
  const { form } = decodeText(before);
  // Older versions kept the line ends of the file; those record the original with them.
  const kept = form.lineEnds !== 'lf' && edit.original !== null && edit.original !== 'absent';
  const crlf = kept && typeof edit.original === 'object' && (edit.original?.text.includes('\r\n') ?? false);
  const text = crlf ? unixLines(content) : content;
  return {
    bytes: encodeText(text, { encoding: form.encoding, crlf }),
    sure: asProposed && (form.lineEnds === 'lf' || crlf),
  };
}

/**
 * Does a recorded edit again.
 * @param before the file's bytes, null where there was none
 * @returns null where the edit doesn't fit these bytes
 */
export function applyEdit(before: Uint8Array | null, edit: RecordedEdit): EditedBytes | null {
  if (edit.change.kind === 'write') return written(before, edit, edit.change.content);
  const { text, form } = decodeText(before ?? new Uint8Array());
  const replacement = replaced(text, edit);
  const fits = replacement !== null && agrees(replacement, edit.patch);
  // Typographic quotes are matched loosely, and only the patch shows what was written in their place.
  const after = fits ? replacement : (patched(text, edit.patch) ?? replacement);
  if (after === null || (edit.patch.length === 0 && replacement === null)) return null;
  const crlf = form.lineEnds !== 'lf' && mostlyCrlf(before ?? new Uint8Array());
  const bytes = encodeText(after, { encoding: form.encoding, crlf });
  const sure = (fits || after !== replacement) && form.lineEnds !== 'mixed' && !edit.userModified;
  return { bytes, sure };
}
