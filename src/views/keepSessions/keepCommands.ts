import * as vscode from 'vscode';
import { daysUntilLost } from '../../core/archive/retention.ts';
import type { SessionArchive } from '../../core/archive/sessionArchive.ts';
import { oneLine } from '../../core/format.ts';
import { iconSafe, messageSafe } from '../../core/plainText.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import type { CommandHandlers } from '../commands.ts';
import type { SessionTarget } from '../commandTable.ts';
import { requireTrust } from '../dispatchRun.ts';
import { choice, pickMany } from '../quickInput.ts';
import type { SessionNode } from '../sessionTree/sessionNodes.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { forgetQuestion, keepChoices, keptMessage } from './keepTexts.ts';

export interface KeepCommandDeps {
  services: ServiceProvider;
  /** Sessions in the order of the tree. */
  sessions(): Promise<SessionNode[]>;
}

type KeepCommands = Pick<
  CommandHandlers,
  'forkpoint.keepSession' | 'forkpoint.keepExpiringSessions' | 'forkpoint.forgetKeptSession'
>;

/** Keeping sessions beyond Claude Code's clean-up, and giving the copies up again. */
export function keepCommands(deps: KeepCommandDeps): KeepCommands {
  return {
    'forkpoint.keepSession': async (given, selected) => {
      requireTrust();
      const sessions = await deps.sessions();
      const asked = given === undefined ? await askSessions(sessions) : targetsOf(given, selected, sessions);
      if (asked.length > 0) await keepAll(asked, sessions, deps);
    },
    'forkpoint.keepExpiringSessions': async () => {
      requireTrust();
      const sessions = await deps.sessions();
      const now = Date.now();
      const expiring = sessions.filter(({ summary }) => daysUntilLost(summary, now) !== null);
      if (expiring.length === 0) await vscode.window.showInformationMessage('No session is about to be deleted.');
      else
        await keepAll(
          expiring.map(({ file }) => file),
          sessions,
          deps,
        );
    },
    'forkpoint.forgetKeptSession': async (given) => {
      requireTrust();
      const kept = (await deps.sessions()).filter(({ summary }) => summary.kept);
      const file = given?.file ?? (await askKept(kept));
      const summary = kept.find((node) => node.file === file)?.summary;
      if (summary !== undefined) await forget(summary, (await deps.services.get()).archive);
    },
  };
}

/** Sessions of the selected rows where the clicked one is among them, else that of the clicked one. */
function targetsOf(
  given: SessionTarget,
  selected: readonly SessionTarget[] | undefined,
  sessions: readonly SessionNode[],
): string[] {
  const rows = selected?.some(({ file }) => file === given.file) === true ? selected : [given];
  const files = new Set(rows.map(({ file }) => file));
  return sessions.map(({ file }) => file).filter((file) => files.has(file));
}

async function askSessions(sessions: readonly SessionNode[]): Promise<string[]> {
  const now = Date.now();
  const choices = keepChoices(
    sessions.map(({ summary }) => summary),
    now,
  );
  if (choices.length === 0) {
    await vscode.window.showInformationMessage('Every session is kept already.');
    return [];
  }
  const picked = await pickMany(
    choices.map(({ file, label, description, detail }) => choice(file, label, description, detail)),
    { title: 'Keep Sessions', placeholder: 'Sessions to copy into the archive', ticked: [] },
  );
  return picked === undefined || picked === 'back' ? [] : picked;
}

async function askKept(kept: readonly SessionNode[]): Promise<string | undefined> {
  const choices = kept.map(({ summary }) =>
    choice(
      summary.file,
      summary.title,
      summary.archived ? 'archived' : 'kept',
      summary.projectPath ?? 'unknown folder',
    ),
  );
  if (choices.length === 0) {
    await vscode.window.showInformationMessage('The archive holds no sessions.');
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(choices, {
    title: 'Remove from Archive',
    placeHolder: 'Session whose copy to delete',
    matchOnDetail: true,
  });
  return picked?.value;
}

async function keepAll(
  files: readonly string[],
  sessions: readonly SessionNode[],
  deps: KeepCommandDeps,
): Promise<void> {
  const { archive } = await deps.services.get();
  const listed = new Map(sessions.map(({ file, summary }) => [file, summary]));
  const title = files.length === 1 ? 'Keeping a session' : `Keeping ${files.length} sessions`;
  const done = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: files.length > 1 },
    async (progress, cancelled) => {
      const all = { sessions: 0, files: 0, bytes: 0 };
      for (const file of files) {
        if (cancelled.isCancellationRequested) break;
        progress.report({
          message: messageSafe(oneLine(listed.get(file)?.title ?? '', 50)),
          increment: 100 / files.length,
        });
        const { copied, bytes } = await archive.keep(file);
        all.sessions += 1;
        all.files += copied;
        all.bytes += bytes;
      }
      return all;
    },
  );
  const only = files.length === 1 ? listed.get(files[0] ?? '') : undefined;
  vscode.window.setStatusBarMessage(iconSafe(keptMessage(done, only?.title ?? null)), 5_000);
}

async function forget(summary: SessionSummary, archive: SessionArchive): Promise<void> {
  const { message, detail, action } = forgetQuestion(summary, Date.now());
  const answer = await vscode.window.showWarningMessage(message, { modal: true, detail }, action);
  if (answer === action) await archive.forget(summary.file);
}
