// src/core/fork/agent: the same for forks that Claude Code answers: draft, preview, and the lines of the recording
// that a branch goes on from. Nothing is started or written here.

import { agentFlags } from '../../agent/agentFlags.ts';
import type { FoundAgent } from '../../agent/agentPorts.ts';
import type { AgentPlan, AgentPrompts, BranchChain, PlacedFiles } from '../../agent/agentSettings.ts';
import { AgentError, BadInputError, messageOf } from '../../errors.ts';
import type { BlobRef } from '../../ids.ts';
import { isInjectedText, withoutReminders } from '../../session/promptRules.ts';
import type { Turn } from '../../session/recordedSession.ts';
import type { ForkContext } from '../forkContext.ts';
import type { BranchSpec, RunSettings } from '../forkRequest.ts';
import { sendablePrompt } from '../historyMessages.ts';
import type { OpenSession } from '../sessionStore.ts';
import type { AgentPlanning, AgentProject } from './agentPlanning.ts';
import { type AgentPreview, previewAgents } from './agentPreview.ts';
import { type FilesMoment, momentOf } from './placedFilesOf.ts';

/** A fork or a replay as Claude Code is to answer it. */
export interface AgentDraft {
  plan: AgentPlan;
  /** Tries what places can be had. */
  preview(): Promise<AgentPreview>;
  /** The prompts of a branch. @throws BadInputError where it has none */
  prompts(spec: BranchSpec, shared: string | undefined): AgentPrompts;
  /** What of a branch, or of the recorded prompt that it replaces, does not reach Claude Code, a sentence each. */
  notes(spec: BranchSpec, shared: string | undefined): string[];
}

const defaultConcurrency = 2;
const defaultInclude = ['.env*'];

/** What a draft is made of. */
interface Drafting {
  open: OpenSession;
  context: ForkContext;
  chain: BranchChain;
  /** The recorded turns that are sent, in order: one for a fork. */
  turns: readonly Turn[];
  settings: RunSettings;
}

interface DraftDeps extends AgentPlanning {
  put: (value: unknown) => Promise<BlobRef>;
}

/**
 * Finds out everything that the branches of a run share: program, folder, files, chain.
 * @throws AgentError where Claude Code can't be found, BadInputError where the session's folder is gone
 */
export async function draftAgents(drafting: Drafting, deps: DraftDeps): Promise<AgentDraft> {
  const { context, chain, turns, settings } = drafting;
  const agent = await deps.find();
  if (agent === null) throw noAgent();
  const folder = folderOf(drafting);
  const project = await projectIn(folder, deps);
  const states = await statesOf(drafting, project, deps);
  const plan = await planOf(drafting, { agent, folder, project, states }, deps);
  const hasHistory = chain.leafUuid !== null;
  const planned = {
    agent,
    plan,
    project,
    files: states.files,
    hasHistory,
    recordedVersion: chain.version,
    notes: states.base.notes,
  };
  return {
    plan,
    preview: () => previewAgents(planned, deps),
    prompts: (spec, shared) => promptsOf(spec, shared, context, chain, turns),
    notes: (spec, shared) => [
      ...unsupportedOf(spec, context, chain, plan, settings),
      ...promptNotes(spec.prompt ?? shared, context, chain),
    ],
  };
}

function folderOf({ open, chain }: Drafting): string {
  const folder = chain.cwd ?? open.session.summary.projectPath;
  if (folder !== null) return folder;
  throw new BadInputError('The recording names no folder to work in.', 'Run it with the Messages API (executor: api).');
}

async function projectIn(folder: string, deps: AgentPlanning): Promise<AgentProject> {
  return deps.project(folder).catch((error: unknown) => {
    throw new BadInputError(messageOf(error), 'Restore the folder, or run it with the Messages API (executor: api).', {
      path: 'session',
      folder,
    });
  });
}

/** The commit to begin from, the files to restore, and those that the recorded course ended with. */
interface States {
  base: { commit: string | null; notes: string[] };
  files: PlacedFiles;
  recordedEnd: PlacedFiles;
}

async function statesOf(drafting: Drafting, project: AgentProject, { put }: DraftDeps): Promise<States> {
  const { open, context, turns, settings } = drafting;
  const choice = settings.files ?? 'turn';
  const moment = momentOf(context.point);
  const none: PlacedFiles = { files: [], unknown: [], warnings: [] };
  const end: FilesMoment = { turn: turns.at(-1)?.index ?? context.point.turnIndex, side: 'after' };
  // Each of them asks git.
  const [base, files, recordedEnd] = await Promise.all([
    project.baseOf(open, moment, choice),
    choice === 'turn' ? project.placedFiles(open, moment, put) : none,
    project.placedFiles(open, end, put),
  ]);
  return { base, files, recordedEnd };
}

async function planOf(
  { open, context, chain, turns, settings }: Drafting,
  found: { agent: FoundAgent; folder: string; project: AgentProject; states: States },
  deps: DraftDeps,
): Promise<AgentPlan> {
  const { agent, folder, project, states } = found;
  const { put } = deps;
  const commands = settings.allowRecorded === true ? shellCommands(turns) : [];
  return {
    program: agent.program,
    version: agent.version,
    configDir: deps.configDirOf(open.session.summary.file),
    folder,
    place: settings.place ?? 'auto',
    filesChoice: settings.files ?? 'turn',
    base: states.base.commit,
    files: await put(states.files),
    recordedEnd: states.recordedEnd.files.length > 0 ? await put(states.recordedEnd) : null,
    chain: await put(chain),
    recordedRequest: context.rebuilt.digestVerified ? await put(context.rebuilt.request) : null,
    permissions: settings.permissions ?? 'ask',
    allowedCommands: commands.length > 0 ? await put(commands) : null,
    allowRules: settings.allowProjectRules === true ? await project.rules() : [],
    setup: settings.setup ?? [],
    teardown: settings.teardown ?? [],
    include: settings.include ?? defaultInclude,
    checks: settings.checks ?? [],
    cacheChecks: settings.cache === true,
    maxTurns: settings.maxTurns ?? null,
    concurrency: settings.concurrency ?? defaultConcurrency,
  };
}

export function noAgent(): AgentError {
  return new AgentError(
    'Claude Code was not found on this machine.',
    'Install it, name it (setting forkpoint.claudePath, --claude PATH or FORKPOINT_CLAUDE), or run with the Messages API (executor: api).',
  );
}

/** Commands of the recorded turns, each once. */
function shellCommands(turns: readonly Turn[]): string[] {
  const inputs = turns.flatMap((turn) => turn.steps.flatMap((step) => step.toolCalls));
  const commands = inputs.flatMap(({ name, input }) => {
    const command = input !== null && typeof input === 'object' && 'command' in input ? input.command : null;
    return name === 'Bash' && typeof command === 'string' ? [command] : [];
  });
  return [...new Set(commands)];
}

function promptsOf(
  spec: BranchSpec,
  shared: string | undefined,
  context: ForkContext,
  chain: BranchChain,
  turns: readonly Turn[],
): AgentPrompts {
  const own = spec.prompt ?? shared;
  const first = firstPrompt(own, context, chain);
  const rest = turns.slice(1).flatMap((turn) => {
    const content = sendablePrompt(turn.promptContent);
    return content === null ? [] : [{ turn: turn.index, content }];
  });
  return { branch: branchOf(spec, context), turns: [{ turn: context.point.turnIndex, content: first }, ...rest] };
}

function firstPrompt(own: string | undefined, context: ForkContext, chain: BranchChain) {
  const recorded = chain.prompt ?? [];
  if (isOther(own, context)) {
    // Pictures of the recorded prompt stay; its words are replaced.
    return [...recorded.filter(({ type }) => type !== 'text'), { type: 'text', text: own }];
  }
  if (recorded.length > 0) return recorded;
  throw new BadInputError(
    'Claude Code goes on with a prompt only, and this fork point has none.',
    'Give the fork a prompt, or cut before a turn instead.',
    { path: 'prompt' },
  );
}

const isOther = (own: string | undefined, { recordedPrompt }: ForkContext): own is string =>
  own !== undefined && own !== recordedPrompt;

function promptNotes(own: string | undefined, context: ForkContext, { prompt }: BranchChain): string[] {
  const texts = (prompt ?? []).flatMap(({ text }) => (typeof text === 'string' ? text : []));
  const hasReminder = texts.some((text) => isInjectedText(text) || withoutReminders(text) !== text);
  return isOther(own, context) && hasReminder
    ? ['What Claude Code put beside the recorded prompt is left out of the new one.']
    : [];
}

/** What is not changed is asked for as it was recorded, where that is known: Claude Code's own defaults may be others. */
function branchOf(spec: BranchSpec, { rebuilt }: ForkContext): AgentPrompts['branch'] {
  const output = rebuilt.request['output_config'];
  const effort = output !== null && typeof output === 'object' && 'effort' in output ? output.effort : null;
  return {
    model: spec.model ?? rebuilt.request.model,
    effort: spec.effort ?? (rebuilt.fidelity === 'exact' && typeof effort === 'string' ? effort : null),
    system: spec.system ?? null,
    thinking: spec.thinking ?? null,
  };
}

function unsupportedOf(
  spec: BranchSpec,
  context: ForkContext,
  chain: BranchChain,
  plan: AgentPlan,
  settings: RunSettings,
): string[] {
  const { unsupported } = agentFlags({
    version: plan.version,
    recordedTools: chain.tools,
    permissionMode: chain.permissionMode,
    permissions: plan.permissions,
    branch: branchOf(spec, context),
    maxTurns: plan.maxTurns,
    budgetUsd: settings.budgetUsd ?? null,
    sessionId: '',
    resume: true,
  });
  const tokens = spec.maxTokens === undefined ? [] : ['Claude Code takes no limit of output tokens: it is left out.'];
  return [...unsupported, ...tokens];
}
