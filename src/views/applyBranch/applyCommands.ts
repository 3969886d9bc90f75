// src/views/applyBranch: applying a branch to the project, behind a preview. What is written is decided in
// src/core/changes; nothing is written without a click.

import * as vscode from 'vscode';
import type { ApplyPlan } from '../../core/changes/applyChanges.ts';
import { firstOf, oneLine, plural } from '../../core/format.ts';
import { messageSafe } from '../../core/plainText.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import type { AgentRuns } from '../../core/useCases/agentRuns.ts';
import type { CommandHandlers } from '../commands.ts';
import { requireTrust } from '../dispatchRun.ts';
import { askText, choice, pickOne } from '../quickInput.ts';
import { type FoundBranch, findBranch } from '../runTree/findBranch.ts';
import type { PickAgentBranch } from '../runTree/pickAgentBranch.ts';
import { continueInWorkspace } from '../sessionTree/continueInClaudeCode.ts';
import type { ServiceProvider } from '../viewServices.ts';
import type { ApplyPreviews } from './applyPreviews.ts';
import { applyDetail, conflictsOf, folderName, writtenFiles } from './applyTexts.ts';
import { unsavedFiles, type WrittenApply, writeApply } from './writeApply.ts';

export interface ApplyCommandDeps {
  services: ServiceProvider;
  previews: ApplyPreviews;
  pickAgentBranch: PickAgentBranch;
}

type ApplyCommands = Pick<CommandHandlers, 'forkpoint.applyBranch' | 'forkpoint.createGitBranch'>;

/** Ways to take over what a branch changed. */
export function applyCommands(deps: ApplyCommandDeps): ApplyCommands {
  const { services, previews, pickAgentBranch } = deps;
  const isKnown = ({ changeSet }: BranchView) => changeSet !== null;
  return {
    'forkpoint.applyBranch': async (given) => {
      requireTrust();
      const target = await pickAgentBranch(given, 'Apply', isKnown);
      const found = target && (await findBranch(target, services));
      if (found) await applyBranch(found, services, previews);
    },
    'forkpoint.createGitBranch': async (given) => {
      requireTrust();
      const target = await pickAgentBranch(given, 'Create Git Branch', isKnown);
      const found = target && (await findBranch(target, services));
      if (found) await createGitBranch(found, services);
    },
  };
}

async function applyBranch(found: FoundBranch, services: ServiceProvider, previews: ApplyPreviews): Promise<void> {
  const { run, branch, name } = found;
  const { agents } = await services.get();
  const folder = await folderToChange(run);
  if (folder === undefined || !(await lookedAgain(found, agents))) return;
  const plan = await agents.planApply(run.runId, branch.branchId, folder ?? undefined);
  if (writtenFiles(plan).length === 0) {
    await tellNothing(plan, name);
    return;
  }
  await previews.open(plan, name);
  if (!(await confirmed(plan, name))) return;
  if (!(await withoutUnsaved(plan, found, services, previews))) return;
  const result = await writeApply(plan, (asked) => agents.apply(asked));
  await tellApplied(plan, result, found);
}

/** Asks whether what was changed in the branch's place after it ended belongs to it. @returns false where the person gave up */
async function lookedAgain({ run, branch }: Pick<FoundBranch, 'run' | 'branch'>, agents: AgentRuns): Promise<boolean> {
  const paths = await agents.laterChanges(run.runId, branch.branchId);
  if (paths === null)
    void vscode.window.showWarningMessage('A process lives in the branch’s place: what it changes is not included.');
  if (paths === null || paths.length === 0) return true;
  const include = 'Include';
  const leaveOut = 'Leave Out';
  const asked = `${plural(paths.length, 'file')} changed in the branch’s place after it ended: ${firstOf(paths, 5)}.`;
  const detail = 'By you, a command, a check, or Claude Code going on with its session.';
  const chosen = await vscode.window.showWarningMessage(messageSafe(asked), { modal: true, detail }, include, leaveOut);
  if (chosen === include) await agents.takeLaterChanges(run.runId, branch.branchId);
  return chosen !== undefined;
}

/**
 * The folder to change: null for the project's own, where it is (part of) what is open here; else one that is picked.
 * Undefined means that the person gave up.
 */
async function folderToChange({ session }: RunView): Promise<string | null | undefined> {
  const project = session.projectPath;
  const open = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  const below = (inner: string, outer: string) => inner === outer || inner.startsWith(`${outer}/`);
  const belongs = project !== null && open.some(({ uri: { path } }) => below(path, project) || below(project, path));
  if (belongs || open.length === 0) return null;
  const choices = [
    ...open.map(({ name, uri }) => choice<string | null>(uri.fsPath, name, uri.fsPath)),
    choice<string | null>(null, 'Folder of the Session', project ?? ''),
  ];
  const picked = await pickOne(choices, { title: 'Apply', placeholder: 'Folder whose files are changed' });
  return picked === 'back' ? undefined : picked;
}

/** The preview is read first: the question beside it waits, the last one is modal and lists the files. */
async function confirmed(plan: ApplyPlan, name: string): Promise<boolean> {
  const count = plural(writtenFiles(plan).length, 'file');
  const conflicts = conflictsOf(plan).length;
  const said = conflicts === 0 ? '' : ` ${plural(conflicts, 'conflict')}: marked in the preview.`;
  const [review, label] = ['Apply…', `Apply ${count}`];
  const question = `The preview shows what applying “${name}” to ${folderName(plan.root)} changes: ${count}.${said}`;
  const show = conflicts === 0 ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  if ((await show(messageSafe(question), review)) !== review) return false;
  const options = { modal: true, detail: messageSafe(applyDetail(plan)) };
  const asked = messageSafe(`Apply “${name}” to ${folderName(plan.root)}?`);
  return (await vscode.window.showWarningMessage(asked, options, label)) === label;
}

/** Files that are open with unsaved changes are never overwritten. Saved, they are merged by a new preview. */
async function withoutUnsaved(
  plan: ApplyPlan,
  found: FoundBranch,
  services: ServiceProvider,
  previews: ApplyPreviews,
): Promise<boolean> {
  const unsaved = unsavedFiles(plan);
  if (unsaved.length === 0) return true;
  const names = unsaved.map(({ uri }) => uri.path.slice(uri.path.lastIndexOf('/') + 1));
  const save = 'Save and Preview Again';
  const text = `Nothing was applied: ${oneLine(names.join(', '), 120)} ${unsaved.length === 1 ? 'has' : 'have'} changes that are not saved.`;
  if ((await vscode.window.showWarningMessage(messageSafe(text), save)) !== save) return false;
  for (const document of unsaved) await document.save();
  await applyBranch(found, services, previews);
  return false;
}

async function tellNothing(plan: ApplyPlan, name: string): Promise<void> {
  const [first] = conflictsOf(plan);
  const text =
    first === undefined
      ? `Nothing to apply: ${folderName(plan.root)} already has what “${name}” changed.`
      : `Nothing of “${name}” can be applied. ${oneLine(first.path, 100)}: ${first.conflict}`;
  const show = first === undefined ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  await show(messageSafe(text));
}

async function tellApplied(plan: ApplyPlan, { written, left }: WrittenApply, found: FoundBranch): Promise<void> {
  const { name } = found;
  const conflicts = conflictsOf(plan).filter(({ path }) => written.includes(path));
  const kept = [...conflictsOf(plan).filter(({ path }) => !written.includes(path)), ...left];
  const [firstKept] = kept;
  const parts = [
    `Applied “${name}” to ${folderName(plan.root)}: ${plural(written.length, 'file')}.`,
    conflicts.length > 0 &&
      `Conflict markers are in ${oneLine(conflicts.map(({ path }) => path).join(', '), 200)}: resolve them there.`,
    firstKept !== undefined &&
      `${plural(kept.length, 'file')} left alone. ${oneLine(firstKept.path, 100)}: ${firstKept.conflict}`,
  ];
  const text = messageSafe(parts.filter((part) => part !== false).join(' '));
  const [open, goOn] = ['Open Conflicts', 'Continue in Claude Code'];
  const buttons = [...(conflicts.length > 0 ? [open] : []), ...(canGoOnHere(found, plan) ? [goOn] : [])];
  const show =
    conflicts.length + kept.length > 0 ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
  const chosen = await show(text, ...buttons);
  if (chosen === goOn) await goOnHere(found);
  if (chosen !== open) return;
  for (const { path } of conflicts.slice(0, 10)) {
    const uri = vscode.Uri.joinPath(vscode.Uri.file(plan.root), ...path.split('/'));
    await vscode.commands.executeCommand('vscode.open', uri, { preview: false });
  }
}

/** A session belongs to the folder that it ran in: only one from an overlay belongs to the project's own. */
function canGoOnHere({ run, branch }: FoundBranch, { root }: ApplyPlan): boolean {
  const project = run.session.projectPath;
  const inProject = project !== null && (project === root || project.startsWith(`${root}/`));
  return branch.sessionId !== null && branch.place?.kind === 'overlay' && inProject;
}

async function goOnHere({ run, branch, name }: FoundBranch): Promise<void> {
  if (branch.sessionId === null) return;
  const { projectPath, file } = run.session;
  await continueInWorkspace({ sessionId: branch.sessionId, title: name, projectPath, file });
}

async function createGitBranch({ run, branch, name }: FoundBranch, services: ServiceProvider): Promise<void> {
  const suggestion = `forkpoint/${name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')}`;
  const given = await askText({
    title: messageSafe(`Create Git Branch · ${name}`),
    placeholder: 'Name of the new branch',
    value: suggestion,
    validate: (text) => (text.trim() === '' || /^-|\s/.test(text.trim()) ? 'A name without blanks.' : undefined),
  });
  if (given === undefined || given === 'back') return;
  const { agents } = await services.get();
  if (!(await lookedAgain({ run, branch }, agents))) return;
  const result = await agents.toGitBranch(run.runId, branch.branchId, given.trim());
  const conflicts = result.files.filter(({ conflict }) => conflict !== null).length;
  const said = conflicts === 0 ? '' : ` ${plural(conflicts, 'file')} with a conflict.`;
  const text = `Committed ${result.sha.slice(0, 10)} on ${result.branch}. Working tree, index and HEAD are as before.${said}`;
  const copy = 'Copy SHA';
  const chosen = await vscode.window.showInformationMessage(messageSafe(oneLine(text, 400)), copy);
  if (chosen === copy) await vscode.env.clipboard.writeText(result.sha);
}
