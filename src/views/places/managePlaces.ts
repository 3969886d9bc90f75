// src/views/places: places of agent branches as the user meets them: a terminal in one, the list of all, removal.
// Nothing here makes a place or reads a file of one.

import * as vscode from 'vscode';
import type { PlaceInfo } from '../../core/agent/agentPorts.ts';
import { oneLine, plural } from '../../core/format.ts';
import { messageSafe } from '../../core/plainText.ts';
import { type Choice, choice, pickOne } from '../quickInput.ts';
import type { RunList } from '../runTree/runList.ts';
import { tellFailedTeardowns } from '../tellFailedTeardowns.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { placeRow, placesSummary } from './placeRows.ts';

export interface ManagePlacesDeps {
  services: ServiceProvider;
  runs: RunList;
}

/** Lists all places. One without a run and without processes can be removed; its changes are saved as a patch first. */
export async function managePlaces({ services, runs }: ManagePlacesDeps): Promise<void> {
  await runs.load();
  const { agents } = await services.get();
  const places = await agents.places();
  if (places.length === 0) {
    await vscode.window.showInformationMessage('There are no places: every branch that Claude Code answers makes one.');
    return;
  }
  const picked = await pickOne(choicesOf(places, runs), {
    title: `Places · ${placesSummary(places)}`,
    placeholder: 'A place goes with its run; choose one to look at it',
  });
  if (picked === undefined || picked === 'back') return;
  if (picked === 'prune') await prune(places, services);
  else await look(picked, runs);
}

function choicesOf(places: readonly PlaceInfo[], runs: RunList): Choice<PlaceInfo | 'prune'>[] {
  const now = Date.now();
  const rows = places.map((place) => ({ place, row: placeRow(place, runs.find(place.id.runId), now) }));
  const removable = rows.filter(({ row }) => row.removable).length;
  const prune: Choice<'prune'> = {
    value: 'prune',
    label: `$(trash) Remove ${plural(removable, 'Place')} That No Run Owns`,
    detail: 'What they changed is saved as patches first.',
  };
  return [
    ...(removable > 0 ? [prune] : []),
    ...rows.map(({ place, row }) => {
      const said = choice<PlaceInfo>(place, row.label, row.description, row.detail);
      return { ...said, label: `$(${place.inUse ? 'vm-running' : 'folder'}) ${said.label}` };
    }),
  ];
}

async function prune(places: readonly PlaceInfo[], services: ServiceProvider): Promise<void> {
  const count = places.filter(({ orphan, inUse }) => orphan && !inUse).length;
  const label = `Remove ${plural(count, 'Place')}`;
  const detail = 'Their runs are gone and no process lives in them. What they changed is saved as patches first.';
  const asked = `Remove ${plural(count, 'place')}?`;
  if ((await vscode.window.showWarningMessage(asked, { modal: true, detail }, label)) !== label) return;
  const { agents } = await services.get();
  const removed = await agents.prune();
  void tellFailedTeardowns(removed.flatMap(({ failedTeardowns }) => failedTeardowns));
  const patches = removed.flatMap(({ patch }) => (patch === null ? [] : [patch]));
  const saved =
    patches.length === 0
      ? 'They had changed nothing.'
      : `What they changed is in ${oneLine(patches.slice(0, 3).join(', '), 300)}${patches.length > 3 ? ', …' : ''}.`;
  const open = 'Open Patch';
  const text = `${plural(removed.length, 'place')} removed. ${saved}`;
  const [first] = patches;
  const buttons = first === undefined ? [] : [open];
  const chosen = await vscode.window.showInformationMessage(messageSafe(text), ...buttons);
  if (chosen === open && first !== undefined)
    await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(first), { preview: true });
}

/** Shows the branch that a place belongs to; of a place without a run there is only the folder. */
async function look({ id, root }: PlaceInfo, runs: RunList): Promise<void> {
  const branch = runs.find(id.runId)?.branches.find(({ branchId }) => branchId === id.name);
  if (branch !== undefined && branch.changeSet !== null) {
    const target = { runId: id.runId, branchId: branch.branchId };
    await vscode.commands.executeCommand('forkpoint.openChanges', target);
    return;
  }
  await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(root));
}
