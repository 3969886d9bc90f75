import { LRUCache } from 'lru-cache';
import * as vscode from 'vscode';
import * as z from 'zod';
import type { ApplyPlan } from '../../core/changes/applyChanges.ts';
import { shownContent } from '../branchDiff/shownContent.ts';
import { parsed, pathSegment } from '../documentUris.ts';
import { VirtualDocuments } from '../virtualDocuments.ts';
import { previewTitle, writtenFiles } from './applyTexts.ts';

/** Scheme of what applying a branch would make of files. These documents live as long as the window. */
export const applyScheme = 'forkpoint-apply';

const previewQuery = z.object({
  plan: z.string(),
  path: z.string(),
  side: z.enum(['present', 'result']),
  conflict: z.boolean(),
});
type PreviewQuery = z.infer<typeof previewQuery>;

/** More are dropped, the oldest first: an older one can't be read any more. */
const maxPreviews = 4;

/** Previews of branches that are to be applied, as multi-file diffs: the present tree ↔ the result. */
export class ApplyPreviews implements vscode.Disposable {
  readonly #plans = new LRUCache<string, ApplyPlan>({ max: maxPreviews });
  readonly #registrations: vscode.Disposable;

  constructor() {
    const note = 'This is a preview of what applying the branch does. It can’t be edited.';
    this.#registrations = vscode.Disposable.from(
      new VirtualDocuments(applyScheme, note, (uri) => this.#document(uri)),
      vscode.window.registerFileDecorationProvider({ provideFileDecoration }),
    );
  }

  async open(plan: ApplyPlan, name: string): Promise<void> {
    const id = crypto.randomUUID();
    this.#plans.set(id, plan);
    const entries = writtenFiles(plan).map(({ path, old, new: now, conflict }) => {
      const uri = (side: PreviewQuery['side']) => uriOf({ plan: id, path, side, conflict: conflict !== null });
      const [present, result] = [uri('present'), uri('result')];
      return [result, old === null ? undefined : present, now === null ? undefined : result];
    });
    await vscode.commands.executeCommand('vscode.changes', previewTitle(plan, name), entries);
  }

  dispose(): void {
    this.#registrations.dispose();
  }

  async #document(uri: vscode.Uri): Promise<string | Uint8Array> {
    const asked = parsed(previewQuery, uri.query);
    const file = asked && this.#plans.get(asked.plan)?.files.find(({ path }) => path === asked.path);
    if (!asked || !file) throw vscode.FileSystemError.FileNotFound(uri);
    const content = asked.side === 'present' ? file.old : file.new;
    return content === null ? '' : shownContent(content.bytes);
  }
}

function uriOf(query: PreviewQuery): vscode.Uri {
  const path = `/${query.path.split('/').map(pathSegment).join('/')}`;
  return vscode.Uri.from({ scheme: applyScheme, path, query: JSON.stringify(query) });
}

/** Conflicts are marked as git's own are. */
function provideFileDecoration(uri: vscode.Uri): vscode.FileDecoration | undefined {
  if (uri.scheme !== applyScheme || parsed(previewQuery, uri.query)?.conflict !== true) return undefined;
  const color = new vscode.ThemeColor('gitDecoration.conflictingResourceForeground');
  return new vscode.FileDecoration('!', 'Conflict', color);
}
