// src/cli/actions: what each command does, one file for each group of commands, loaded when its command is called. No
// option is declared here.

import { daysUntilLost, goesText } from '../../core/archive/retention.ts';
import { BadInputError, ForkPointError, NotFoundError } from '../../core/errors.ts';
import { describePrefix } from '../../core/fork/describePrefix.ts';
import type { RebuiltRequest } from '../../core/fork/rebuiltRequest.ts';
import type { OpenSession } from '../../core/fork/sessionStore.ts';
import { requireModel } from '../../core/fork/unknownModel.ts';
import { modelName, money, oneLine, plural, relativeTime, tokenCount } from '../../core/format.ts';
import { shownPath } from '../../core/session/projectFolder.ts';
import type { RecordedSession, SessionSummary, Turn, TurnOutline } from '../../core/session/recordedSession.ts';
import type { CliContext } from '../context.ts';
import { type PointOptions, pointOf } from '../pointOf.ts';

/** `list` */
export async function list(context: CliContext): Promise<number> {
  const { project, limit } = context.options as { project?: string; limit?: number };
  const sessions = await (await context.sessions()).list({ project, limit, signal: context.interrupted });
  if (context.terminal.json) context.terminal.printLegalJson({ sessions });
  else if (sessions.length > 0) context.terminal.print(await sessionTable(sessions, Date.now()));
  else context.terminal.note(`No sessions in ${(await context.sessions()).folders.join(', ')}.`);
  return 0;
}

async function sessionTable(sessions: readonly SessionSummary[], now: number): Promise<string> {
  const { table } = await import('../table.ts');
  const rows = sessions.map((session) => [
    oneLine(session.sessionId.slice(0, 8)),
    oneLine(session.title, 48),
    String(session.turns),
    relativeTime(session.lastAt, now),
    oneLine(session.models.map(modelName).join(', '), 32),
    money(session.costUsd),
    oneLine(shownPath(session.projectPath ?? 'unknown'), 48),
    marksOfSession(session, now).join(', '),
  ]);
  return table(['SESSION', 'TITLE', 'TURNS', 'LAST', 'MODELS', 'COST', 'PROJECT', ''], rows, ['TURNS', 'COST']);
}

function marksOfSession(session: SessionSummary, now: number): string[] {
  const lost = daysUntilLost(session, now);
  return [
    ...(session.problems > 0 ? [plural(session.problems, 'problem')] : []),
    ...(lost === null ? [] : [goesText(lost)]),
    ...(session.forkedFrom === null ? [] : ['fork']),
    ...(session.archived ? ['archived'] : session.kept ? ['kept'] : []),
  ];
}

/** `inspect` */
export async function inspect(context: CliContext, given: string): Promise<number> {
  const { turn, forks } = context.options as { turn?: number; forks?: boolean };
  const open = await context.open(given);
  const { session } = open;
  const turns = turn === undefined ? session.turns : session.turns.filter(({ index }) => index === turn);
  if (turn !== undefined && turns.length === 0) {
    const hint = `It has ${plural(session.turns.length, 'turn')}; list them with \`forkpoint inspect ${session.summary.sessionId}\`.`;
    throw new NotFoundError(`The session has no turn ${turn}.`, hint, { path: 'turn' });
  }
  const facts = new Map<number, ForkFacts | null>();
  if (turn !== undefined || forks === true)
    for (const { index } of turns) facts.set(index, await forkFacts(open, index));
  if (context.terminal.json) {
    const { summary, branches, subagents, compactions, queued, problems } = session;
    const plain = turn === undefined ? turns.map(turnJson) : (await open.turns([turn])).map(wholeTurnJson);
    const shown = plain.map((each) => (facts.has(each.index) ? { ...each, fork: facts.get(each.index) } : each));
    context.terminal.printLegalJson({
      session: summary,
      turns: shown,
      branches,
      subagents,
      compactions,
      queued,
      problems,
    });
    return 0;
  }
  context.terminal.print(await sessionText({ ...session, turns }));
  for (const [index, fork] of facts) context.terminal.print(forkText(index, fork));
  return 0;
}

/** What a fork before a turn would send, without the body; null where the recording names no model. */
type ForkFacts = Pick<RebuiltRequest, 'fidelity' | 'digestVerified' | 'missing' | 'completed' | 'prefix'>;

async function forkFacts(open: OpenSession, turn: number): Promise<ForkFacts | null> {
  try {
    const { request, fidelity, digestVerified, missing, completed, prefix } = (await open.forkAt({ turn })).rebuilt;
    requireModel(request);
    return { fidelity, digestVerified, missing, completed, prefix };
  } catch (error) {
    if (error instanceof ForkPointError) return null;
    throw error;
  }
}

function forkText(index: number, facts: ForkFacts | null): string {
  if (facts === null) return `Fork before turn ${index}: not possible, the recording names no model.`;
  const { text, details } = describePrefix(facts.prefix);
  const missing = facts.missing.map((each) => `  missing: ${oneLine(each, 400)}`);
  return [
    `Fork before turn ${index}: ${facts.fidelity}; ${text}`,
    ...missing,
    ...details.map((each) => `  ${each}`),
  ].join('\n');
}

function turnJson({ steps, ...facts }: TurnOutline) {
  return { ...facts, steps: steps.length };
}

function wholeTurnJson({ promptContent, ...turn }: Turn) {
  return { ...turnJson(turn), promptContent, replies: turn.steps };
}

async function sessionText({
  summary,
  turns,
  problems,
  subagents,
  compactions,
  queued,
}: RecordedSession): Promise<string> {
  const { table } = await import('../table.ts');
  const rows = turns.map((turn) => [
    String(turn.index),
    oneLine(turn.prompt, 56),
    oneLine(turn.models.map(modelName).join(', '), 24),
    oneLine(turn.tools.join(', '), 28),
    String(turn.steps.length),
    tokenCount(turn.usage.inputTokens + turn.usage.cacheReadTokens + turn.usage.cacheWriteTokens),
    tokenCount(turn.usage.outputTokens),
    marksOf(turn).join(', '),
  ]);
  return [
    `${oneLine(summary.title)}`,
    `${oneLine(summary.sessionId)} · ${oneLine(shownPath(summary.projectPath ?? 'unknown project'), 400)} · ${plural(summary.turns, 'turn')} · ${money(summary.costUsd)}`,
    '',
    table(['TURN', 'PROMPT', 'MODEL', 'TOOLS', 'STEPS', 'IN', 'OUT', ''], rows, ['TURN', 'STEPS', 'IN', 'OUT']),
    ...turns.flatMap(({ index, absorbed }) =>
      absorbed.map(({ text }) => `typed during turn ${index}: “${oneLine(text, 200)}”`),
    ),
    ...queued.map(({ text, line }) => `never sent, from line ${line}: “${oneLine(text, 200)}”`),
    ...subagents.map(
      ({ agentType, messages }) =>
        `subagent ${oneLine(agentType ?? 'of unknown type')}: ${plural(messages, 'message')}`,
    ),
    ...compactions.map(({ line }) => `compacted at line ${line}`),
    ...problems.map(({ line, kind, detail }) => `problem in line ${line}: ${kind}, ${oneLine(detail, 600)}`),
  ].join('\n');
}

function marksOf(turn: TurnOutline): string[] {
  return [
    ...(turn.automatic ? ['not typed'] : []),
    ...(turn.active ? [] : ['abandoned']),
    ...(turn.compactedAway ? ['compacted'] : []),
    ...(turn.interrupted ? ['interrupted'] : []),
    ...(turn.error === null ? [] : ['error']),
  ];
}

/** `messages` */
export async function messages(context: CliContext, given: string): Promise<number> {
  const open = await context.open(given);
  for await (const message of open.messages()) context.terminal.printJson(message);
  return 0;
}

/** `requests` */
export async function requests(context: CliContext, given: string): Promise<number> {
  const { full } = context.options as { full?: boolean };
  const open = await context.open(given);
  for await (const { request, betas, ...facts } of open.requests()) {
    context.terminal.printJson(full === true ? { ...facts, request, betas } : facts);
  }
  return 0;
}

/** `request` */
export async function request(context: CliContext, given: string): Promise<number> {
  const at = pointOf(context.options as PointOptions);
  if (at === null)
    throw new BadInputError('Where to cut is missing.', 'Give --turn N, --before UUID or --after UUID.', {
      path: 'at',
    });
  const open = await context.open(given);
  const { point, rebuilt } = await open.forkAt(at);
  const { fidelity, digestVerified, missing, completed, prefix, request: body, betas } = rebuilt;
  requireModel(body);
  context.terminal.printJson(
    { point, fidelity, digestVerified, missing, completed, prefix, request: body, betas },
    { indent: !context.terminal.json },
  );
  return 0;
}
