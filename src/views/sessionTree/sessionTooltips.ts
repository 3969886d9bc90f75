import type { Usage } from '../../core/api/usage.ts';
import { absoluteTime, byteSize, duration, modelName, money, plural, tokenCount } from '../../core/format.ts';
import { codeBlock, escapeMarkdown } from '../../core/inertMarkdown.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import type { ProjectNode, SessionTreeNode, StepNode, TurnNode } from './sessionNodes.ts';

/** What a tooltip needs to know besides its row. */
export interface TooltipContext {
  /** Title of a session by its id, null where it isn't listed. */
  titleOf: (sessionId: string) => string | null;
}

const longest = 1_500;

/** Markdown of a row's tooltip: everything that the row has no room for. Nothing in it is active. */
export function sessionTooltip(node: SessionTreeNode, context: TooltipContext): string {
  switch (node.kind) {
    case 'project':
      return projectTooltip(node);
    case 'period':
      return `Sessions of this month in ${escapeMarkdown(node.project.path ?? 'an unknown folder')}.`;
    case 'session':
      return summaryTooltip(node.summary, context);
    case 'turn':
      return turnTooltip(node);
    case 'step':
      return stepTooltip(node);
    case 'subagent':
      return factList(
        ['Subagent', node.data.agentType ?? 'type unknown'],
        ['Task', node.data.task],
        ['Messages', String(node.data.messages)],
        ['File', node.data.file],
      );
    case 'fork':
      return summaryTooltip(node.data, context);
    case 'abandoned':
      return `**Abandoned**\n\nA rewind or a second process left these ${plural(node.turns.length, 'turn')} behind: resuming the session goes on elsewhere. They can be forked like any other.`;
    case 'compaction':
      return [
        '**Compacted here**\n\nFrom here on the model was sent a summary of what stands above.',
        factList(
          ['Trigger', node.data.trigger],
          ['Before', count(node.data.preTokens)],
          ['After', count(node.data.postTokens)],
        ),
      ].join('\n\n');
  }
}

/** Lines of `**name** value`, without those whose value is null. Values are escaped. */
export function factList(...entries: [name: string, value: string | null][]): string {
  return entries
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `**${name}** ${escapeMarkdown(clipped(value ?? '').replace(/\s+/g, ' '))}`)
    .join('  \n');
}

/** `12.5k read, 300 from cache, 2k to cache, 1.2k written`. */
export function usageText(usage: Usage): string {
  return [
    `${tokenCount(usage.inputTokens)} read`,
    `${tokenCount(usage.cacheReadTokens)} from cache`,
    `${tokenCount(usage.cacheWriteTokens)} to cache`,
    `${tokenCount(usage.outputTokens)} written`,
  ].join(', ');
}

/** Short names with their full ids. */
export function modelList(ids: readonly string[]): string | null {
  return ids.length === 0 ? null : ids.map((id) => (modelName(id) === id ? id : `${modelName(id)} (${id})`)).join(', ');
}

export function clipped(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

function projectTooltip(node: ProjectNode): string {
  if (node.path === null) return 'These recordings name no folder.';
  return factList(['Folder', node.path], ['Sessions', String(node.sessions.length)]);
}

function summaryTooltip(summary: SessionSummary, { titleOf }: TooltipContext): string {
  const { forkedFrom } = summary;
  return [
    `**${escapeMarkdown(clipped(summary.title).replace(/\s+/g, ' '))}**`,
    factList(
      ['Turns', String(summary.turns)],
      ['Models', modelList(summary.models)],
      ['Cost', summary.costUsd === null ? 'not recorded' : money(summary.costUsd)],
      ['First', absoluteTime(summary.firstAt)],
      ['Last', absoluteTime(summary.lastAt)],
      ['Folder', summary.projectPath],
      ['Worktree of', summary.worktree === null ? null : summary.repository],
      ['Git branch', summary.gitBranch],
      ['Forked from', forkedFrom && (titleOf(forkedFrom.sessionId) ?? `session ${forkedFrom.sessionId}, not listed`)],
      ['Claude Code', summary.version],
      ['Session ID', summary.sessionId],
      ['File', `${summary.file} (${byteSize(summary.bytes)})`],
      ['Kept', keptText(summary)],
      ['May be deleted', summary.archived ? null : expiryText(summary)],
      ['Problems', summary.problems === 0 ? null : `${plural(summary.problems, 'damaged place')} skipped or repaired`],
    ),
  ].join('\n\n');
}

function turnTooltip({ data: turn }: TurnNode): string {
  const first = turn.at === null ? Number.NaN : Date.parse(turn.at);
  const last = Date.parse(turn.steps.at(-1)?.at ?? '');
  return [
    codeBlock(clipped(turn.prompt)),
    factList(
      ['Turn', String(turn.index)],
      ['Models', modelList(turn.models)],
      ['Steps', String(turn.steps.length)],
      ['Tools', turn.tools.length === 0 ? null : turn.tools.join(', ')],
      ['Tokens', usageText(turn.usage)],
      ['At', absoluteTime(turn.at)],
      ['Time', last >= first ? duration(last - first) : null],
      ['Interrupted', turn.interrupted ? 'yes' : null],
      ['Compacted', turn.compactedAway ? 'yes: a summary took its place' : null],
      ['Error', turn.error],
    ),
  ].join('\n\n');
}

function stepTooltip({ data: step }: StepNode): string {
  const failed = step.toolCalls.filter(({ result }) => result?.isError).map(({ name }) => name);
  const unanswered = step.toolCalls.filter(({ result }) => result === null).map(({ name }) => name);
  return [
    ...(step.text.trim() === '' ? [] : [codeBlock(clipped(step.text))]),
    factList(
      ['Model', step.model === null ? 'unknown' : modelList([step.model])],
      ['Tools', step.toolCalls.length === 0 ? null : step.toolCalls.map(({ name }) => name).join(', ')],
      ['Tools that failed', failed.length === 0 ? null : failed.join(', ')],
      ['Tools without a result', unanswered.length === 0 ? null : unanswered.join(', ')],
      ['Tokens', usageText(step.usage)],
      ['Ended with', step.stopReason],
      ['At', absoluteTime(step.at)],
      ['Error', step.error],
    ),
  ].join('\n\n');
}

function count(tokens: number | null): string {
  return tokens === null ? 'unknown' : `${tokenCount(tokens)} tokens`;
}

function keptText({ kept, archived }: SessionSummary): string | null {
  if (archived) return 'this is the archive’s copy: the original is gone';
  return kept ? 'a copy is in the archive' : null;
}

function expiryText({ expiresAt, kept }: SessionSummary): string | null {
  if (expiresAt === null) return null;
  const until = `after ${absoluteTime(expiresAt)}, by Claude Code’s clean-up`;
  return kept ? until : `${until}; Keep This Session copies it to the archive`;
}
