import { absoluteTime, duration, messageWithHint, money, plural } from '../../core/format.ts';
import { codeBlock, escapeMarkdown } from '../../core/inertMarkdown.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import { clipped, factList, modelList, usageText } from '../sessionTree/sessionTooltips.ts';
import { branchName, type RunTreeNode } from './runNodes.ts';
import { branchState, costOfRun } from './runRows.ts';

const engines = { 'in-process': 'this window', temporal: 'Temporal' };

/** Markdown of a row's tooltip. Nothing in it is active. */
export function runTooltip(node: RunTreeNode): string {
  switch (node.kind) {
    case 'run':
      return tooltipOfRun(node.run);
    case 'repeats':
      return `**${escapeMarkdown(node.name)}**\n\n${plural(node.branches.length, 'repeat')} of the same request.`;
    case 'branch':
      return tooltipOfBranch(node.branch);
  }
}

function tooltipOfRun(run: RunView): string {
  return [
    codeBlock(clipped(run.title)),
    factList(
      [run.kind === 'replay' ? 'Replay of' : 'Fork of', run.session.title],
      ['Cut', run.point.label],
      ['State', run.interrupted ? 'interrupted: Resume runs what is missing' : run.state],
      ['Runs in', engines[run.engine]],
      ['Fidelity', run.fidelity],
      ['Missing', run.missing.length === 0 ? null : run.missing.join(', ')],
      ['Cost', run.provider === 'demo' ? 'none: the offline demo model answered' : costOfRun(run)],
      ['Budget', run.budgetUsd === null ? null : money(run.budgetUsd)],
      ['Started', absoluteTime(run.createdAt)],
      ['Ended', run.endedAt === null ? null : absoluteTime(run.endedAt)],
      ['Project', run.session.projectPath],
      ['Run ID', run.runId],
    ),
  ].join('\n\n');
}

function tooltipOfBranch(branch: BranchView): string {
  const { startedAt, endedAt } = branch;
  return [
    `**${escapeMarkdown(branchName(branch))}**`,
    factList(
      [
        'State',
        [branch.state, branchState(branch)]
          .filter((text, index, all) => text !== '' && all.indexOf(text) === index)
          .join(', '),
      ],
      ['Model', modelList([branch.model])],
      ['Changes', branch.changes.length === 0 ? 'nothing: sent as recorded' : branch.changes.join(', ')],
      ['Replies', String(branch.steps)],
      ['Requests sent', String(branch.attempts)],
      ['Tokens', usageText(branch.usage)],
      ['Cost', branch.costUsd === null ? 'unknown: no price is known for the model' : money(branch.costUsd)],
      [
        'Billing',
        branch.billing === 'unknown' ? 'unknown: a request may have been billed although no usage came back' : null,
      ],
      ['Time', startedAt !== null && endedAt !== null ? duration(Date.parse(endedAt) - Date.parse(startedAt)) : null],
      ['Ended with', branch.stopReason],
      ['Error', branch.error === null ? null : messageWithHint(branch.error)],
      ...branch.notes.map((note): [string, string] => ['Note', note]),
    ),
    ...(branch.text.trim() === '' ? [] : [codeBlock(clipped(branch.text))]),
  ].join('\n\n');
}
