import type { TurnOutline } from '../session/recordedSession.ts';
import { shells } from './fileEvents.ts';
import type { FileCut, RecordedCommit, Side } from './fileState.ts';
import type { FileTimeline } from './fileTimeline.ts';

// What git prints when it has moved HEAD: a commit, a reset or checkout, a fast-forward.
const moved = [
  /^\[(?:detached HEAD|[^\s\]]+)(?: \(root-commit\))? ([0-9a-f]{7,64})\] /gm,
  /^HEAD is now at ([0-9a-f]{7,64})\b/gm,
  /^Updating [0-9a-f]{7,64}\.\.([0-9a-f]{7,64})$/gm,
];

/** The commit that a command's output says last is checked out now. */
export function commitIn(output: string): string | null {
  let last: { index: number; commit: string } | null = null;
  for (const pattern of moved)
    for (const match of output.matchAll(pattern))
      if (match[1] !== undefined && match.index >= (last?.index ?? 0)) last = { index: match.index, commit: match[1] };
  return last?.commit ?? null;
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const texts = content.map((block: unknown) =>
    block !== null && typeof block === 'object' && 'text' in block && typeof block.text === 'string' ? block.text : '',
  );
  return texts.join('\n');
}

/**
 * What a recording says of the commit that was checked out before or after a turn. Outputs of commands are read from the moment
 * backwards, up to the first one that tells.
 */
export function recordedCommit(timeline: FileTimeline, turn: TurnOutline, side: Side, until?: FileCut): RecordedCommit {
  const nodes = timeline.recordsBefore(turn, side, until);
  const calls = new Set(
    nodes.flatMap(({ entry }) => entry.facts.toolUses.flatMap(({ id, name }) => (shells.has(name) ? id : []))),
  );
  const last = nodes.findLast(({ entry }) => entry.timestamp !== null)?.entry.timestamp ?? null;
  let made: string | null = null;
  for (const { entry } of nodes.toReversed()) {
    if (!entry.facts.toolResults.some(({ id }) => calls.has(id))) continue;
    const outputs = (entry.message?.content ?? []).flatMap((block) =>
      block.type === 'tool_result' && typeof block.tool_use_id === 'string' && calls.has(block.tool_use_id)
        ? textOf(block.content)
        : [],
    );
    made = commitIn(outputs.join('\n'));
    if (made !== null) break;
  }
  return { at: side === 'before' ? (turn.at ?? last) : last, made, start: timeline.start.commit };
}
