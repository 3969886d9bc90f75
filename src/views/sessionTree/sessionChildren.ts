import type { Json } from '../../core/canonicalJson.ts';
import type { RecordedSession, SessionBranch, Turn } from '../../core/session/recordedSession.ts';
import type {
  AbandonedNode,
  InsideSessionNode,
  InsideTurnNode,
  StepNode,
  SubagentNode,
  TurnNode,
} from './sessionNodes.ts';

/** A row with the place where it belongs: the turn that it stands under, and its position among that turn's steps. */
interface Placed {
  under: string | null;
  position: number;
  node: InsideTurnNode;
}

/**
 * Rows under a session: the turns that resuming it would continue, each with its steps and with what happened beside them
 * (subagents, compactions, abandoned lines of development). What can't be placed under a turn comes after the turns.
 * @param file path of the transcript, part of every row's id
 */
export function sessionChildren(file: string, session: RecordedSession): InsideSessionNode[] {
  const beside = [...subagents(file, session), ...compactions(file, session)];
  const lines = abandoned(file, session, beside);
  const active = session.turns.filter((turn) => turn.active);
  const rows = active.map((turn) => turnNode(file, turn, [...beside, ...lines]));
  const homeless = [...without(beside, session.turns), ...without(lines, active)];
  return [...rows, ...homeless.map(({ node }) => node)];
}

/** What stands under none of the turns. */
function without(placed: readonly Placed[], turns: readonly Turn[]): Placed[] {
  const ids = new Set<string>(turns.map(({ turnId }) => turnId));
  return placed.filter(({ under }) => under === null || !ids.has(under));
}

function turnNode(file: string, turn: Turn, placed: readonly Placed[]): TurnNode {
  const id = `${file}#${turn.turnId}`;
  const steps = turn.steps.map((data, index) => ({
    position: data.line,
    node: { kind: 'step', id: `${id}/${index}`, file, turn: turn.index, line: data.line, data } satisfies StepNode,
  }));
  const others = placed.filter(({ under }) => under === turn.turnId);
  const children: InsideTurnNode[] = [...steps, ...others]
    .sort((a, b) => a.position - b.position)
    .map(({ node }) => node);
  return { kind: 'turn', id, file, turn: turn.index, line: turn.line, data: turn, children };
}

function subagents(file: string, session: RecordedSession): Placed[] {
  return session.subagents.map((data) => {
    const call = findCall(session.turns, data.toolUseId);
    const node: SubagentNode = {
      kind: 'subagent',
      id: `${file}#agent:${data.agentId}`,
      file: data.file,
      data,
      task: taskOf(call?.input),
    };
    return { under: data.turnId, position: call === null ? Number.MAX_SAFE_INTEGER : call.line, node };
  });
}

function compactions(file: string, session: RecordedSession): Placed[] {
  return session.compactions.map((data) => {
    const turn = session.turns.findLast(({ line, active }) => active && line < data.line);
    const node = { kind: 'compaction', id: `${file}#compaction:${data.uuid}`, file, line: data.line, data } as const;
    return { under: turn?.turnId ?? null, position: data.line, node };
  });
}

function abandoned(file: string, session: RecordedSession, beside: readonly Placed[]): Placed[] {
  const turns = new Map<string, Turn>(session.turns.map((turn) => [turn.turnId, turn]));
  const listed = new Set<string>();
  const row = (branch: Pick<SessionBranch, 'leafUuid' | 'splitUuid'>, all: Turn[]): Placed => {
    const own = all.filter((turn) => !turn.active);
    for (const turn of own) listed.add(turn.turnId);
    return abandonedRow(file, branch.leafUuid, own, splitOf(session, branch.splitUuid), beside);
  };
  const rows = session.branches
    .filter((branch) => !branch.active)
    .map((branch) =>
      row(
        branch,
        branch.turns.flatMap((id) => turns.get(id) ?? []),
      ),
    );
  // No recorded turn may be missing from the tree, whatever the branches say.
  const rest = session.turns.filter((turn) => !turn.active && !listed.has(turn.turnId));
  return [...rows, ...rest.map((turn) => row({ leafUuid: turn.turnId, splitUuid: null }, [turn]))];
}

function abandonedRow(
  file: string,
  leafUuid: string,
  own: Turn[],
  split: { turnId: string; line: number } | null,
  beside: readonly Placed[],
): Placed {
  const id = `${file}#branch:${leafUuid}`;
  const node: AbandonedNode = {
    kind: 'abandoned',
    id,
    file,
    leafUuid,
    line: own[0]?.line ?? null,
    // A turn may be on several abandoned lines: its row's id names the line too.
    turns: own.map((turn) => prefixed(turnNode(file, turn, beside), id)),
  };
  return {
    under: own[0]?.parentTurnId ?? split?.turnId ?? null,
    position: split?.line ?? Number.MAX_SAFE_INTEGER,
    node,
  };
}

function prefixed(node: TurnNode, prefix: string): TurnNode {
  const children = node.children.map((child) => ({ ...child, id: `${prefix}>${child.id}` }));
  return { ...node, id: `${prefix}>${node.id}`, children };
}

/** The turn and the line after which a branch leaves the active one. */
function splitOf(session: RecordedSession, uuid: string | null): { turnId: string; line: number } | null {
  if (uuid === null) return null;
  for (const turn of session.turns) {
    if (turn.turnId === uuid) return { turnId: turn.turnId, line: turn.line };
    for (const step of turn.steps) {
      const here = step.uuids.includes(uuid) || step.toolCalls.some(({ result }) => result?.uuid === uuid);
      if (here) return { turnId: turn.turnId, line: step.line + 0.5 };
    }
  }
  return null;
}

function findCall(turns: readonly Turn[], toolUseId: string | null): { input: Json; line: number } | null {
  if (toolUseId === null) return null;
  for (const turn of turns) {
    for (const step of turn.steps) {
      const call = step.toolCalls.find(({ id }) => id === toolUseId);
      if (call !== undefined) return { input: call.input, line: step.line + 0.25 };
    }
  }
  return null;
}

function taskOf(input: Json | undefined): string | null {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) return null;
  const text = input['description'] ?? input['prompt'];
  return typeof text === 'string' ? text : null;
}
