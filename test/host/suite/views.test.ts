import assert from 'node:assert/strict';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'mocha';
import * as vscode from 'vscode';
import { createBlobStore } from '../../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../../src/adapters/runs/createRunStore.ts';
import { noUsage } from '../../../src/core/api/usage.ts';
import type { ForkPlan } from '../../../src/core/fork/forkPlan.ts';
import { type BranchId, branchIdSchema } from '../../../src/core/ids.ts';
import { branchUri, turnUri } from '../../../src/views/documentUris.ts';
import { storePlan } from '../../support/storedPlan.ts';
import { writeSession } from '../../support/writeSession.ts';
import { activeInput, eventually } from './support.ts';

afterEach(() => vscode.commands.executeCommand('workbench.action.closeAllEditors'));

const recorded = (prompts: string[]) =>
  writeSession(process.env['CLAUDE_CONFIG_DIR'] ?? '', '/home/sam/slug-tools', prompts);

describe('turn documents', () => {
  it('are readable, inert and read-only', async () => {
    const { file } = await recorded(['Why does it drop accents?', 'Now ![x](https://evil.example/p.png)']);
    const uri = vscode.Uri.from(turnUri('Turn', { file, turn: 2 }));
    const text = (await vscode.workspace.openTextDocument(uri)).getText();
    assert.match(text, /Reply to Now/);
    assert.doesNotMatch(text, /!\[x\]\(/);
    assert.equal(vscode.workspace.fs.isWritableFileSystem('forkpoint-turn'), false);
    await assert.rejects(async () => vscode.workspace.fs.writeFile(uri, new Uint8Array()));
  });

  it('open in a preview tab by command', async () => {
    const { file } = await recorded(['Open me']);
    await vscode.commands.executeCommand('forkpoint.openTurn', { file, turn: 1 });
    const input = await eventually('the turn tab', () =>
      activeInput() instanceof vscode.TabInputCustom ? activeInput() : undefined,
    );
    assert.equal((input as vscode.TabInputCustom).uri.scheme, 'forkpoint-turn');
  });

  it('refuse addresses that are not ours', async () => {
    await assert.rejects(async () => vscode.workspace.openTextDocument(vscode.Uri.parse('forkpoint-turn:/x?{}')));
  });
});

describe('raw transcripts', () => {
  it('open at the line, and cannot be changed', async () => {
    const { file } = await recorded(['One', 'Two']);
    await vscode.commands.executeCommand('forkpoint.openRawTranscript', { file, line: 3 });
    const editor = await eventually('the transcript', () =>
      vscode.window.activeTextEditor?.document.uri.fsPath === file ? vscode.window.activeTextEditor : undefined,
    );
    assert.equal(editor.selection.active.line, 2);
    await vscode.commands.executeCommand('type', { text: 'x' });
    assert.equal(editor.document.isDirty, false);
  });
});

describe('session commands', () => {
  it('copy the id of a session', async () => {
    const { file, sessionId } = await recorded(['Copy me']);
    await vscode.commands.executeCommand('forkpoint.copySessionId', { file });
    assert.equal(await vscode.env.clipboard.readText(), sessionId);
  });
});

describe('diffs', () => {
  let plan: ForkPlan;
  const cheaper = branchIdSchema.parse('b1');
  const terse = branchIdSchema.parse('b2');

  before(async () => {
    const home = process.env['FORKPOINT_HOME'];
    assert.ok(home);
    const stores = { blobs: createBlobStore(path.join(home, 'blobs')), runs: createRunStore(path.join(home, 'runs')) };
    plan = await storePlan(stores, { branches: [{ name: 'cheaper' }, { name: 'terse' }] });
    const at = new Date().toISOString();
    const { runId } = plan;
    await stores.runs.append({ type: 'run-started', runId, at, attempt: 1 });
    for (const [branchId, text] of [
      [cheaper, 'It is done.'],
      [terse, 'Done.'],
    ] as const) {
      const usage = { ...noUsage, outputTokens: 5 };
      const content = [{ type: 'text', text }];
      const model = 'claude-haiku-4-5';
      const reply = await stores.blobs.put({ content, model, stopReason: 'end_turn', usage, requestId: null });
      const result = { step: 1, turn: 1, reply, model, stopReason: 'end_turn', usage, toolCalls: 0, costUsd: null };
      await stores.runs.append({ type: 'branch-started', runId, at, branchId });
      await stores.runs.append({ type: 'step-completed', runId, at, branchId, result });
      const outcome = {
        state: 'completed',
        stopReason: 'end_turn',
        error: null,
        billing: 'known',
        divergedAtTurn: null,
      } as const;
      await stores.runs.append({ type: 'branch-ended', runId, at, branchId, outcome });
    }
    await stores.runs.append({ type: 'run-ended', runId, at, state: 'completed' });
  });

  after(() => vscode.commands.executeCommand('forkpoint.refresh'));

  const uriOf = (name: string, branch: BranchId | 'recorded') =>
    vscode.Uri.from(branchUri(plan.title, name, { run: plan.runId, branch })).toString();
  const diffTab = () =>
    eventually('the diff tab', () => {
      const input = activeInput();
      return input instanceof vscode.TabInputTextDiff ? input : undefined;
    });

  it('show a branch against the recording', async () => {
    await vscode.commands.executeCommand('forkpoint.compareWithRecorded', { runId: plan.runId, branchId: cheaper });
    const input = await diffTab();
    assert.equal(input.original.toString(), uriOf('recorded', 'recorded'));
    assert.equal(input.modified.toString(), uriOf('cheaper', cheaper));
    assert.equal(vscode.window.tabGroups.activeTabGroup.activeTab?.label, `cheaper ↔ recorded · ${plan.title}`);
    const text = (await vscode.workspace.openTextDocument(input.modified)).getText();
    assert.match(text, /^Step 1\nIt is done\.\n\nEnds: end_turn\n$/);
  });

  it('show two branches that were selected', async () => {
    await vscode.commands.executeCommand('forkpoint.selectForCompare', { runId: plan.runId, branchId: cheaper });
    await vscode.commands.executeCommand('forkpoint.compareWithSelected', { runId: plan.runId, branchId: terse });
    const input = await diffTab();
    assert.deepEqual(
      [input.original.toString(), input.modified.toString()],
      [uriOf('cheaper', cheaper), uriOf('terse', terse)],
    );
    assert.match((await vscode.workspace.openTextDocument(input.modified)).getText(), /Done\./);
  });

  it('show all branches in one editor', async () => {
    await vscode.commands.executeCommand('forkpoint.compareAllBranches', { runId: plan.runId });
    const label = await eventually('the multi-file diff', () => {
      const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
      return tab?.label.startsWith('All branches ↔ recorded') ? tab.label : undefined;
    });
    assert.match(label, new RegExp(plan.title));
  });

  it('leave the documents read-only', () => {
    assert.equal(vscode.workspace.fs.isWritableFileSystem('forkpoint-branch'), false);
  });
});
