import * as vscode from 'vscode';
import { type AppliedFile, type ApplyPlan, isWritten } from '../../core/changes/applyChanges.ts';
import { refusedPath } from '../../core/changes/changePaths.ts';
import { StorageError } from '../../core/errors.ts';
import { sameBytes } from '../../core/files/textForm.ts';
import type { AgentRuns } from '../../core/useCases/agentRuns.ts';
import { changedLines, type FileWrite, modesLeft, planWrites } from './planWrites.ts';

/** What became of a preview. */
export interface WrittenApply {
  /** Files that were written. */
  written: string[];
  /** Files that were left alone, with the reason. */
  left: AppliedFile[];
}

const changedSince = 'It has changed since the preview: left alone.';
const unsaved = 'It has changes that are not saved: left alone.';

/** Files of the preview that are open with changes that were not saved. */
export function unsavedFiles(plan: ApplyPlan): vscode.TextDocument[] {
  const paths = new Set(plan.files.filter(isWritten).map(({ path }) => fileUri(plan.root, path).toString()));
  return vscode.workspace.textDocuments.filter(({ isDirty, uri }) => isDirty && paths.has(uri.toString()));
}

/**
 * Writes what the preview showed, as one edit that Undo takes back, and saves it. Files that are no longer what the preview
 * began with are left alone. Opens no editor.
 * @param apply for what no editor can do: links and modes
 * @throws StorageError where the editor refuses the edit
 */
export async function writeApply(plan: ApplyPlan, apply: AgentRuns['apply']): Promise<WrittenApply> {
  const { writes, outside } = planWrites(plan.files);
  const edit = new vscode.WorkspaceEdit();
  const done: FileWrite[] = [];
  const left: AppliedFile[] = [];
  const documents: vscode.TextDocument[] = [];
  for (const write of writes) {
    const { path } = write.file;
    const refused = refusedPath(path);
    const prepared = refused === null ? await addTo(edit, write, fileUri(plan.root, path)) : { refused };
    if (prepared !== null && 'refused' in prepared) {
      left.push({ path, status: 'conflict', conflict: prepared.refused });
      continue;
    }
    done.push(write);
    if (prepared !== null) documents.push(prepared.document);
  }
  if (done.length > 0 && !(await vscode.workspace.applyEdit(edit, { isRefactoring: true }))) {
    throw new StorageError(
      'The editor did not take the changes: a file may be read-only.',
      'Nothing was written; try again.',
    );
  }
  for (const document of documents) if (document.isDirty) await document.save();
  const others = [...outside, ...modesLeft(done)];
  const result = others.length === 0 ? { files: [] } : await apply({ root: plan.root, files: others, notes: [] });
  const kept = result.files.filter(({ conflict }, at) => conflict !== null && conflict !== others[at]?.conflict);
  left.push(...kept);
  const written = [...done.map(({ file }) => file.path), ...outside.map(({ path }) => path)];
  return { written: written.filter((path) => !kept.some((file) => file.path === path)), left };
}

/** @returns the document that is edited, null where the editor works on the file itself, or why nothing is done */
async function addTo(
  edit: vscode.WorkspaceEdit,
  write: FileWrite,
  uri: vscode.Uri,
): Promise<{ document: vscode.TextDocument } | { refused: string } | null> {
  if (write.kind === 'create') {
    if ((await plainFile(uri)) !== null) return { refused: changedSince };
    edit.createFile(uri, { contents: write.bytes });
    return null;
  }
  if (vscode.workspace.textDocuments.some((open) => open.isDirty && open.uri.toString() === uri.toString())) {
    return { refused: unsaved };
  }
  const now = await plainFile(uri);
  if (now === null || now === 'other' || write.file.old === null || !sameBytes(now, write.file.old.bytes)) {
    return { refused: changedSince };
  }
  if (write.kind === 'text') {
    const document = await editable(write, uri);
    if (document !== null) {
      const { start, end, text } = changedLines(write.before, write.after);
      edit.replace(uri, new vscode.Range(document.positionAt(start), document.positionAt(end)), text);
      return { document };
    }
  }
  edit.deleteFile(uri, { ignoreIfNotExists: false });
  const bytes = write.file.new?.bytes;
  if (bytes !== undefined) edit.createFile(uri, { contents: bytes, overwrite: true });
  return null;
}

/** The file as a document, where the editor reads it as what it is and would write it as it is to be. */
async function editable(
  { before, crlf }: Extract<FileWrite, { kind: 'text' }>,
  uri: vscode.Uri,
): Promise<vscode.TextDocument | null> {
  try {
    const document = await vscode.workspace.openTextDocument(uri);
    const fits = crlf === null || crlf === (document.eol === vscode.EndOfLine.CRLF);
    return fits && document.getText() === before ? document : null;
  } catch {
    // Too large for an editor, for example.
    return null;
  }
}

/** The bytes of a plain file, null where there is nothing, `other` for links and folders. */
async function plainFile(uri: vscode.Uri): Promise<Uint8Array | null | 'other'> {
  try {
    const { type } = await vscode.workspace.fs.stat(uri);
    return type === vscode.FileType.File ? await vscode.workspace.fs.readFile(uri) : 'other';
  } catch (error) {
    return error instanceof vscode.FileSystemError && error.code === 'FileNotFound' ? null : 'other';
  }
}

function fileUri(root: string, path: string): vscode.Uri {
  return vscode.Uri.joinPath(vscode.Uri.file(root), ...path.split('/'));
}
