import { AgentError, BadInputError } from '../errors.ts';
import type { ForkContext } from '../fork/forkContext.ts';
import type { BranchSpec, RunSettings } from '../fork/forkRequest.ts';
import { sendablePrompt } from '../fork/historyMessages.ts';
import type { BlobRef } from '../ids.ts';
import type { Turn } from '../session/recordedSession.ts';
import type { OpenSession } from '../session/sessionStore.ts';
import { agentFlags } from './agentFlags.ts';
import type { FoundAgent, PlaceOption } from './agentPorts.ts';
import type { AgentPlan, AgentPrompts, BranchChain, PlacedFiles } from './agentSettings.ts';
import { type FilesMoment, momentOf } from './placedFilesOf.ts';
import type { SetupOffer } from './setupOffers.ts';

/** What a person is told of agent branches before they run. */
export interface AgentPreview {
  agent: FoundAgent;
  /** Folder that the session ran in, absolute. */
  folder: string;
  /** The place that would be taken, null where none can be had. */
  place: PlaceOption | null;
  places: PlaceOption[];
  filesChoice: string;
  files: { exact: number; likely: number; unknown: number };
  /** Commit to begin from, null for what is checked out. */
  base: string | null;
  warnings: string[];
  /** Set-up that the repository has for other tools, the most fitting first; none in an overlay, which has everything. */
  setupOffers: SetupOffer[];
}

/** What planning agent branches needs of the machine. */
export interface AgentPlanning {
  find(): Promise<FoundAgent | null>;
  placeOptions(folder: string): Promise<PlaceOption[]>;
  /** Set-up that the folder's project has for other tools. */
  setupOffers(folder: string): Promise<SetupOffer[]>;
  /** Claude Code's config folder that a session of this transcript belongs into. */
  configDirOf(file: string): string;
  /** Where a folder is not there, or no folder: why; null where it is. */
  folderProblem(folder: string): Promise<string | null>;
  /**
   * The commit to begin from, null for what is checked out now, with what a person must know of it.
   * @throws BadInputError for a name that is no commit there
   */
  baseOf(
    open: OpenSession,
    moment: FilesMoment,
    folder: string,
    choice: string,
  ): Promise<{ commit: string | null; notes: string[] }>;
  /** Allow rules of the project's own settings. */
  projectRules(folder: string): Promise<string[]>;
  /** The files of the folder's project at a moment, stored. */
  placedFiles(
    open: OpenSession,
    moment: FilesMoment,
    folder: string,
    put: (value: unknown) => Promise<BlobRef>,
  ): Promise<PlacedFiles>;
}

/** A fork or a replay as Claude Code is to answer it. */
export interface AgentDraft {
  plan: AgentPlan;
  /** Tries what places can be had. */
  preview(): Promise<AgentPreview>;
  /** The prompts of a branch. @throws BadInputError where it has none */
  prompts(spec: BranchSpec, shared: string | undefined): AgentPrompts;
  /** What this version of Claude Code can't take of a branch, a sentence each. */
  unsupported(spec: BranchSpec): string[];
}

const defaultConcurrency = 2;
const defaultInclude = ['.env*'];

/**
 * Finds out everything that the branches of a run share: program, folder, files, chain.
 * @param turns the recorded turns that are sent, in order: one for a fork
 * @throws AgentError where Claude Code can't be found, BadInputError where the session's folder is gone
 */
export async function draftAgents(
  open: OpenSession,
  context: ForkContext,
  chain: BranchChain,
  turns: readonly Turn[],
  settings: RunSettings,
  deps: AgentPlanning & { put: (value: unknown) => Promise<BlobRef> },
): Promise<AgentDraft> {
  const agent = await deps.find();
  if (agent === null) throw noAgent();
  const folder = chain.cwd ?? open.session.summary.projectPath;
  if (folder === null) {
    throw new BadInputError(
      'The recording names no folder to work in.',
      'Run it with the Messages API (executor: api).',
    );
  }
  const problem = await deps.folderProblem(folder);
  if (problem !== null) {
    throw new BadInputError(problem, 'Restore the folder, or run it with the Messages API (executor: api).', {
      path: 'session',
      folder,
    });
  }
  const choice = settings.files ?? 'turn';
  const moment = momentOf(context.point);
  const none: PlacedFiles = { files: [], unknown: [], warnings: [] };
  const end: FilesMoment = { turn: turns.at(-1)?.index ?? context.point.turnIndex, side: 'after' };
  // Each of them asks git.
  const [base, files, recordedEnd] = await Promise.all([
    deps.baseOf(open, moment, folder, choice),
    choice === 'turn' ? deps.placedFiles(open, moment, folder, deps.put) : none,
    deps.placedFiles(open, end, folder, deps.put),
  ]);
  const commands = settings.allowRecorded === true ? shellCommands(turns) : [];
  const logged = context.rebuilt.digestVerified;
  const plan: AgentPlan = {
    program: agent.program,
    version: agent.version,
    configDir: deps.configDirOf(open.session.summary.file),
    folder,
    place: settings.place ?? 'auto',
    filesChoice: choice,
    base: base.commit,
    files: await deps.put(files),
    recordedEnd: recordedEnd.files.length > 0 ? await deps.put(recordedEnd) : null,
    chain: await deps.put(chain),
    recordedRequest: logged ? await deps.put(context.rebuilt.request) : null,
    permissions: settings.permissions ?? 'ask',
    allowedCommands: commands.length > 0 ? await deps.put(commands) : null,
    allowRules: settings.allowProjectRules === true ? await deps.projectRules(folder) : [],
    setup: settings.setup ?? [],
    teardown: settings.teardown ?? [],
    include: settings.include ?? defaultInclude,
    checks: settings.checks ?? [],
    maxTurns: settings.maxTurns ?? null,
    concurrency: settings.concurrency ?? defaultConcurrency,
  };
  return {
    plan,
    preview: () => previewOf(agent, plan, files, base.notes, deps),
    prompts: (spec, shared) => promptsOf(spec, shared, context, chain, turns),
    unsupported: (spec) => unsupportedOf(spec, context, chain, plan, settings),
  };
}

export function noAgent(): AgentError {
  return new AgentError(
    'Claude Code was not found on this machine.',
    'Install it, name it (setting forkpoint.claudePath, --claude PATH or FORKPOINT_CLAUDE), or run with the Messages API (executor: api).',
  );
}

async function previewOf(
  agent: FoundAgent,
  plan: AgentPlan,
  { files, unknown, warnings }: PlacedFiles,
  notes: readonly string[],
  deps: AgentPlanning,
): Promise<AgentPreview> {
  const places = await deps.placeOptions(plan.folder);
  const place = places.find(({ kind, available }) => available && (plan.place === 'auto' || kind === plan.place));
  const count = (certainty: string): number => files.filter((file) => file.certainty === certainty).length;
  return {
    agent,
    folder: plan.folder,
    place: place ?? null,
    places,
    filesChoice: plan.filesChoice,
    files: { exact: count('exact'), likely: count('likely'), unknown: unknown.length },
    base: plan.base,
    warnings: [...notes, ...warnings],
    setupOffers: await offersFor(plan, place, deps),
  };
}

/** Only for places that lack what git ignores, and without what runs anyway. */
async function offersFor(
  { folder, setup }: AgentPlan,
  place: PlaceOption | undefined,
  deps: AgentPlanning,
): Promise<SetupOffer[]> {
  if (place === undefined || place.kind === 'overlay') return [];
  const offers = await deps.setupOffers(folder);
  return offers.filter(({ commands }) => !commands.every((command) => setup.includes(command)));
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
  if (own !== undefined && own !== context.recordedPrompt) {
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
