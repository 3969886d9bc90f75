import { groupBy } from '../../core/groupBy.ts';
import type {
  RecordedSession,
  SessionBranch,
  SessionSummary,
  SubagentSummary,
  Turn,
  TurnOutline,
} from '../../core/session/recordedSession.ts';
import type {
  AbandonedNode,
  ForkNode,
  InsideSessionNode,
  InsideTurnNode,
  PlacedNode,
  StepNode,
  SubagentNode,
  TurnNode,
} from './sessionNodes.ts';
import { type Place, SessionPlaces } from './sessionPlaces.ts';

/** A row with the place where it belongs: the turn that it stands under, and its position among that turn's steps. */
interface Placed extends PlacedNode {
  under: string | null;
}

/** Rows by the turn that they stand under. */
type ByTurn = ReadonlyMap<string | null, readonly Placed[]>;

/** Where rows belong to. */
interface Owner {
  /** Transcript that the rows' contents stand in. */
  file: string;
  /** Transcript of the session that they stand under. */
  session: string;
  /** What the rows' ids begin with. */
  prefix: string;
}

/**
 * Rows under a session: the turns that resuming it would continue, each with its steps and with what happened beside them
 * (subagents, compactions, abandoned lines of development, forks). What can't be placed under a turn comes after the turns.
 * @param file path of the transcript, part of every row's id
 * @param forks sessions that were forked from this one
 */
export function sessionChildren(
  file: string,
  session: RecordedSession,
  forks: readonly SessionSummary[] = [],
): InsideSessionNode[] {
  const owner = { file, session: file, prefix: file };
  return children(owner, { ...session, subagents: outermost(session.subagents) }, session.subagents, forks);
}

/** Rows under a subagent, the same as under a session. @param session what its own transcript says */
export function subagentChildren(node: SubagentNode, session: RecordedSession): InsideSessionNode[] {
  const turnOfCall = new Map(
    session.turns.flatMap(({ turnId, steps }) =>
      steps.flatMap(({ toolCalls }) => toolCalls.map(({ id }) => [id, turnId] as const)),
    ),
  );
  const started = node.nested
    .filter(({ parentAgentId }) => parentAgentId === node.data.agentId)
    .map((data) => ({ ...data, turnId: turnOfCall.get(data.toolUseId ?? '') ?? null }));
  const owner = { file: node.file, session: node.session, prefix: node.id };
  return children(owner, { ...session, subagents: started }, node.nested, []);
}

/** Rows under a turn: its steps and what happened beside them. @param turn with its contents */
export function turnChildren(node: TurnNode, turn: Turn): InsideTurnNode[] {
  const steps = turn.steps.map((data, index): PlacedNode => {
    const { file, session, id } = node;
    const step: StepNode = {
      kind: 'step',
      id: `${id}/${index}`,
      file,
      session,
      turn: turn.index,
      line: data.line,
      data,
    };
    return { position: data.line, node: step };
  });
  return [...steps, ...node.beside].sort((a, b) => a.position - b.position).map((placed) => placed.node);
}

function children(
  owner: Owner,
  session: RecordedSession,
  agents: readonly SubagentSummary[],
  forks: readonly SessionSummary[],
): InsideSessionNode[] {
  const places = new SessionPlaces(session.turns, {
    messages: [...session.branches.map(({ splitUuid }) => splitUuid), ...forks.map(messageOf)],
    calls: session.subagents.map(({ toolUseId }) => toolUseId),
  });
  const beside = [
    ...subagents(owner, session, agents, places),
    ...compactions(owner, session),
    ...forkRows(owner, forks, places),
  ];
  const lines = abandoned(
    owner,
    session,
    groupBy(beside, ({ under }) => under),
    places,
  );
  const active = session.turns.filter((turn) => turn.active);
  const byTurn = groupBy([...beside, ...lines], ({ under }) => under);
  const rows = active.map((turn) => turnNode(owner, turn, byTurn));
  const homeless = [...without(beside, session.turns), ...without(lines, active)];
  return [...rows, ...homeless.map(({ node }) => node)];
}

/** What stands under none of the turns. */
function without(placed: readonly Placed[], turns: readonly TurnOutline[]): Placed[] {
  const ids = new Set<string>(turns.map(({ turnId }) => turnId));
  return placed.filter(({ under }) => under === null || !ids.has(under));
}

function turnNode({ file, session, prefix }: Owner, turn: TurnOutline, placed: ByTurn): TurnNode {
  const beside = [...(placed.get(turn.turnId) ?? [])].sort((a, b) => a.position - b.position);
  const id = `${prefix}#${turn.turnId}`;
  return { kind: 'turn', id, file, session, turn: turn.index, line: turn.line, data: turn, beside };
}

function subagents(
  { session: root, prefix }: Owner,
  session: RecordedSession,
  all: readonly SubagentSummary[],
  places: SessionPlaces,
): Placed[] {
  const byParent = groupBy(all, ({ parentAgentId }) => parentAgentId);
  return session.subagents.map((data) => {
    const id = `${prefix}#agent:${data.agentId}`;
    const nested = below(data, byParent);
    const node: SubagentNode = { kind: 'subagent', id, file: data.file, session: root, data, nested };
    return { under: data.turnId, position: places.lineOfCall(data.toolUseId), node };
  });
}

/** Subagents that no other one of them started. Those that name each other as parents count too: none may be lost. */
function outermost(all: readonly SubagentSummary[]): SubagentSummary[] {
  const ids = new Set(all.map(({ agentId }) => agentId));
  const byParent = groupBy(all, ({ parentAgentId }) => parentAgentId);
  const started = new Set(all.filter(({ parentAgentId }) => parentAgentId === null || !ids.has(parentAgentId)));
  const reached = new Set([...started].flatMap((agent) => below(agent, byParent)));
  return all.filter((agent) => started.has(agent) || !reached.has(agent));
}

/** All subagents below one, each once. */
function below(agent: SubagentSummary, byParent: ReadonlyMap<string | null, SubagentSummary[]>): SubagentSummary[] {
  const found = new Set<SubagentSummary>();
  // The set grows while it is walked, and every member is visited.
  const visit = ({ agentId }: SubagentSummary): void => {
    for (const child of byParent.get(agentId) ?? []) if (child !== agent) found.add(child);
  };
  visit(agent);
  for (const child of found) visit(child);
  return [...found];
}

function compactions({ file, session: root, prefix }: Owner, session: RecordedSession): Placed[] {
  return session.compactions.map((data) => {
    const turn = session.turns.findLast(({ line, active }) => active && line < data.line);
    const id = `${prefix}#compaction:${data.uuid}`;
    const node = { kind: 'compaction', id, file, session: root, line: data.line, data } as const;
    return { under: turn?.turnId ?? null, position: data.line, node };
  });
}

/** The message that a fork goes on from. */
function messageOf({ forkedFrom }: SessionSummary): string | null {
  return forkedFrom?.messageUuid ?? null;
}

/** Forks, each under the turn that it goes on from. */
function forkRows({ session: root, prefix }: Owner, forks: readonly SessionSummary[], places: SessionPlaces): Placed[] {
  return forks.map((data) => {
    const split = places.after(messageOf(data));
    const id = `${prefix}#fork:${data.file}`;
    const node: ForkNode = { kind: 'fork', id, file: data.file, session: root, data };
    // Behind what else happened at that place.
    return {
      under: split?.turnId ?? null,
      position: split === null ? Number.MAX_SAFE_INTEGER : split.line + 0.25,
      node,
    };
  });
}

function abandoned(owner: Owner, session: RecordedSession, beside: ByTurn, places: SessionPlaces): Placed[] {
  const turns = new Map<string, TurnOutline>(session.turns.map((turn) => [turn.turnId, turn]));
  const listed = new Set<string>();
  const row = (branch: Pick<SessionBranch, 'leafUuid' | 'splitUuid'>, all: TurnOutline[]): Placed => {
    const own = all.filter((turn) => !turn.active);
    for (const turn of own) listed.add(turn.turnId);
    return abandonedRow(owner, branch.leafUuid, own, places.after(branch.splitUuid), beside);
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

function abandonedRow(owner: Owner, leafUuid: string, own: TurnOutline[], split: Place | null, beside: ByTurn): Placed {
  const { file, session, prefix } = owner;
  const id = `${prefix}#branch:${leafUuid}`;
  // A turn may be on several abandoned lines: its row's id names the line too.
  const turns = own.map((turn) => prefixed(turnNode(owner, turn, beside), id));
  const node: AbandonedNode = { kind: 'abandoned', id, file, session, leafUuid, line: own[0]?.line ?? null, turns };
  return {
    under: own[0]?.parentTurnId ?? split?.turnId ?? null,
    position: split?.line ?? Number.MAX_SAFE_INTEGER,
    node,
  };
}

function prefixed(node: TurnNode, prefix: string): TurnNode {
  const beside = node.beside.map((placed) => ({
    ...placed,
    node: { ...placed.node, id: `${prefix}>${placed.node.id}` },
  }));
  return { ...node, id: `${prefix}>${node.id}`, beside };
}
