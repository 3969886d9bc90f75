import * as z from 'zod';

/** A run of changed lines as Claude Code shows it: leading tabs may stand as spaces. */
export interface PatchHunk {
  oldStart: number;
  lines: string[];
}

/** One change that a tool made to a file, as the recording has it. */
export interface RecordedEdit {
  /** As the model gave it. */
  path: string;
  tool: string;
  change: { kind: 'write'; content: string } | { kind: 'replace'; edits: { old: string; new: string; all: boolean }[] };
  /** The file before, as text: `absent` where the tool created it, null where it was not recorded. */
  original: { text: string } | 'absent' | null;
  patch: PatchHunk[];
  /** A person changed the edit before allowing it. */
  userModified: boolean;
}

const hunk = z.object({ oldStart: z.number(), lines: z.array(z.string()) });
const shared = {
  structuredPatch: z.array(hunk).catch([]),
  userModified: z.boolean().catch(false),
};
const path = z.string().min(1);
const text = z.string().nullish().catch(null);

const writeResult = z.object({
  type: z.enum(['create', 'update']),
  filePath: path,
  content: z.string(),
  originalFile: text,
  ...shared,
});
const editResult = z.object({
  filePath: path,
  oldString: z.string(),
  newString: z.string(),
  replaceAll: z.boolean().catch(false),
  originalFile: text,
  ...shared,
});
const multiEditResult = z.object({
  filePath: path,
  edits: z.array(z.object({ old_string: z.string(), new_string: z.string(), replace_all: z.boolean().catch(false) })),
  originalFileContents: text,
  ...shared,
});
const notebookResult = z.object({ notebook_path: path, updated_file: z.string().min(1), original_file: text });

/** Tools whose results say what they changed. */
export const editTools: ReadonlySet<string> = new Set(['Write', 'Edit', 'MultiEdit', 'NotebookEdit']);

function originalOf(value: string | null | undefined): RecordedEdit['original'] {
  return typeof value === 'string' ? { text: value } : null;
}

function writeEdit(result: unknown): RecordedEdit | null {
  const { data } = writeResult.safeParse(result);
  if (data === undefined) return null;
  return {
    path: data.filePath,
    tool: 'Write',
    change: { kind: 'write', content: data.content },
    original: data.type === 'create' ? 'absent' : originalOf(data.originalFile),
    patch: data.structuredPatch,
    userModified: data.userModified,
  };
}

function replaceEdit(result: unknown): RecordedEdit | null {
  const one = editResult.safeParse(result).data;
  const many = one === undefined ? multiEditResult.safeParse(result).data : undefined;
  const data = one ?? many;
  if (data === undefined) return null;
  const edits =
    many?.edits.map((edit) => ({ old: edit.old_string, new: edit.new_string, all: edit.replace_all })) ??
    (one === undefined ? [] : [{ old: one.oldString, new: one.newString, all: one.replaceAll }]);
  const original = originalOf(one === undefined ? many?.originalFileContents : one.originalFile);
  return {
    path: data.filePath,
    tool: one === undefined ? 'MultiEdit' : 'Edit',
    change: { kind: 'replace', edits },
    // An edit that looks for nothing makes a file, or fills an empty one.
    original:
      edits[0]?.old === '' && (original === null || original === 'absent' || original.text === '') ? null : original,
    patch: data.structuredPatch,
    userModified: data.userModified,
  };
}

function notebookEdit(result: unknown): RecordedEdit | null {
  const { data } = notebookResult.safeParse(result);
  if (data === undefined) return null;
  return {
    path: data.notebook_path,
    tool: 'NotebookEdit',
    change: { kind: 'write', content: data.updated_file },
    original: originalOf(data.original_file),
    patch: [],
    userModified: false,
  };
}

/** What an edit tool's recorded result says that it changed; null where it says nothing of the kind (an error, an older form). */
export function recordedEdit(toolUseResult: unknown): RecordedEdit | null {
  return writeEdit(toolUseResult) ?? replaceEdit(toolUseResult) ?? notebookEdit(toolUseResult);
}
