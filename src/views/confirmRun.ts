import * as vscode from 'vscode';
import { executorOf, type RunSettings } from '../core/fork/forkRequest.ts';
import { money, plural } from '../core/format.ts';
import { messageSafe } from '../core/plainText.ts';
import type { ForkPreview } from '../core/useCases/forkService.ts';
import { agentName } from './agentTexts.ts';
import type { RunChoices } from './runChoices.ts';
import { sendLine } from './sendLine.ts';
import { settings } from './settings.ts';

/** The label of a button that starts a run. */
export function runLabel(preview: ForkPreview): string {
  return `Run ${plural(preview.requests, 'branch', 'branches')}`;
}

/**
 * A modal question for runs that may cost more than the setting allows without one, and for those that start agents on this
 * machine, until the person doesn't want to be asked in this workspace any more.
 */
export async function confirmRun(preview: ForkPreview, request: RunSettings, choices: RunChoices): Promise<boolean> {
  const limit = settings.confirmCostAbove();
  const cost = expensive(preview, limit);
  const bypass = preview.agent !== null && request.permissions === 'bypass';
  const asks = cost !== null || bypass || (preview.agent !== null && !choices.startsUnasked);
  if (!asks) return true;
  const run = runLabel(preview);
  const always = 'Run and Don’t Ask Again Here';
  const mayStop = cost === null && !bypass;
  const question = cost === null ? agentQuestion(preview) : `This run may cost up to ${money(cost)}.`;
  const answer = await vscode.window.showWarningMessage(
    messageSafe(question),
    { modal: true, detail: runDetail(preview, request, cost === null ? null : limit) },
    run,
    ...(mayStop ? [always] : []),
  );
  if (answer === always) await choices.startUnasked();
  return answer === run || answer === always;
}

/** US dollars at most where that is above the limit, else null. */
function expensive({ billed, costUsd, agent }: ForkPreview, limit: number): number | null {
  if (!billed || agent?.agent.billing === 'subscription' || costUsd === null || costUsd.high <= limit) return null;
  return costUsd.high;
}

function agentQuestion({ requests, agent }: ForkPreview): string {
  return `Start ${plural(requests, 'agent')} of ${agent === null ? 'Claude Code' : agentName(agent.agent)} on this machine?`;
}

const permissions = {
  ask: 'They ask you for what isn’t allowed.',
  deny: 'What isn’t allowed is denied.',
  bypass: 'They ask nothing: every command runs at once.',
} as const;

const placeWords = { overlay: 'overlay copies', copy: 'copies', worktree: 'worktrees' } as const;

/** What a run does, where, and what it may cost, for a dialog. @param limit of the setting, null where it isn't the reason */
export function runDetail(preview: ForkPreview, request: RunSettings, limit: number | null): string {
  const { agent } = preview;
  const reason = limit === null ? '' : `Asked because it is above forkpoint.confirmCostAbove (${money(limit)}).`;
  if (agent === null || executorOf(request, 'claude-code') === 'api') {
    return [sendLine(preview), reason].filter(Boolean).join('\n\n');
  }
  const where = agent.place === null ? 'copies' : placeWords[agent.place.kind];
  const commands = [...(request.setup ?? []), ...(request.checks ?? []).map(({ run }) => run)];
  return [
    sendLine(preview),
    `They work in ${where} of the project and may edit files and run commands there. ${permissions[request.permissions ?? 'ask']} Your own files stay as they are.`,
    commands.length === 0
      ? ''
      : `Besides, these commands run there:\n${commands.map((run) => `  ${messageSafe(run)}`).join('\n')}`,
    reason,
  ]
    .filter(Boolean)
    .join('\n\n');
}
