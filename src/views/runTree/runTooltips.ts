import { describeTeardown } from '../../core/agent/describeTeardown.ts';
import { absoluteTime, duration, messageWithHint, money, plural } from '../../core/format.ts';
import { codeBlock, escapeMarkdown } from '../../core/inertMarkdown.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import { savedText } from '../../core/run/savedText.ts';
import { changesText } from '../agentProgress.ts';
import { clipped, factList, modelList, usageText } from '../sessionTree/sessionTooltips.ts';
import { checkOutcome } from './agentWords.ts';
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
    case 'baseline':
      return node.state === 'recorded'
        ? 'Checks of the files as the recorded course left them, in a place of their own.'
        : 'Checks of the files as they were at the fork point, in a place of their own.';
    case 'question':
      return [`**${escapeMarkdown(node.question.tool)}**`, codeBlock(clipped(inputText(node.question.input)))].join(
        '\n\n',
      );
    case 'file':
      return factList(
        ['File', node.file.path],
        ['Formerly', node.file.from ?? null],
        ['Lines', node.file.binary ? 'binary file' : `+${node.file.added} −${node.file.removed}`],
      );
    case 'commit':
      return factList(['Commit', node.commit.subject], ['SHA', node.commit.sha]);
    case 'check':
      return factList(['Command', node.result.name], ['Outcome', checkOutcome(node.result)]);
    case 'since':
      return `What differs from the run before of the same schedule, ${escapeMarkdown(node.changes.previous)}.`;
    case 'since-branch':
      return factList(
        ['State', `${node.changes.state.before} → ${node.changes.state.after}`],
        ['Cost', `${money(node.changes.costUsd.before)} → ${money(node.changes.costUsd.after)}`],
        ...node.changes.checks.map((check): [string, string] => [
          'Check',
          `${check.name}: ${outcomeWord(check.before)} → ${outcomeWord(check.after)}`,
        ]),
        ...(node.changes.files ?? [])
          .slice(0, 20)
          .map(({ path, status }): [string, string] => ['File', `${path} (${status})`]),
      );
    case 'step':
      return 'Run Again from Here asks this step and what comes after it anew, in a new run. The steps before it are kept and not paid again.';
    case 'note':
      return escapeMarkdown(clipped(node.tooltip));
  }
}

function outcomeWord(passed: boolean | null): string {
  return passed === null ? 'did not run' : passed ? 'passed' : 'failed';
}

function tooltipOfRun(run: RunView): string {
  return [
    codeBlock(clipped(run.title)),
    factList(
      [run.kind === 'replay' ? 'Replay of' : 'Fork of', run.session.title],
      ['Cut', run.point.label],
      ['State', run.interrupted ? 'interrupted: Resume runs what is missing' : run.state],
      ['Answered by', run.executor === 'claude-code' ? 'Claude Code, in copies of its own' : 'Messages API'],
      ['Runs in', engines[run.engine]],
      ['Fidelity', run.fidelity],
      ['Missing', run.missing.length === 0 ? null : run.missing.join(', ')],
      ['Cost', run.provider === 'demo' ? 'none: the offline demo model answered' : costOfRun(run)],
      ['Cached', savedText(run.branches)],
      ['Budget', run.budgetUsd === null ? null : money(run.budgetUsd)],
      ['Schedule', run.schedule?.name ?? null],
      ['Teardown', run.failedTeardowns.length === 0 ? null : run.failedTeardowns.map(describeTeardown).join(' ')],
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
      ['Cached', savedText([branch])],
      [
        'Billing',
        branch.billing === 'unknown' ? 'unknown: a request may have been billed although no usage came back' : null,
      ],
      ['Time', startedAt !== null && endedAt !== null ? duration(Date.parse(endedAt) - Date.parse(startedAt)) : null],
      ['Ended with', branch.stopReason],
      ...agentEntries(branch),
      ['Error', branch.error === null ? null : messageWithHint(branch.error)],
      ...branch.notes.map((note): [string, string] => ['Note', note]),
    ),
    ...(branch.text.trim() === '' ? [] : [codeBlock(clipped(branch.text))]),
  ].join('\n\n');
}

/** What only branches that Claude Code answers have; nothing of it for the others. */
function agentEntries(branch: BranchView): [string, string | null][] {
  const { place, prefix, changeSet, files, commits, checks, subagentSteps, sessionId } = branch;
  return [
    ['Files', changeSet === null ? null : changesText(files)],
    ['Commits', commits.length === 0 ? null : String(commits.length)],
    ...checks.map((check): [string, string] => ['Check', `${check.name}: ${checkOutcome(check)}`]),
    ['Replies of subagents', subagentSteps === 0 ? null : String(subagentSteps)],
    [
      'Prefix',
      prefix && `${prefix.equal} of ${prefix.total} as recorded${prefix.stopsAt === null ? '' : `: ${prefix.stopsAt}`}`,
    ],
    ['Works in', place && `${place.path} (${place.kind})`],
    ['Session', sessionId],
  ];
}

function inputText(input: unknown): string {
  const command = input !== null && typeof input === 'object' ? Reflect.get(input, 'command') : null;
  return typeof command === 'string' ? command : JSON.stringify(input, null, 2);
}
