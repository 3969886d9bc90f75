import { modelFacts } from '../api/modelFacts.ts';
import type { AgentPrompts, PermissionPolicy } from './agentSettings.ts';
import { isVersionAtLeast } from './agentVersion.ts';

export interface AgentFlagsOrder {
  /** Version of Claude Code that answers, null where it doesn't say. */
  version: string | null;
  /** Names of the tools that the recorded request offered, null where none is logged. */
  recordedTools: readonly string[] | null;
  /** As recorded. */
  permissionMode: string | null;
  permissions: PermissionPolicy;
  branch: AgentPrompts['branch'];
  maxTurns: number | null;
  budgetUsd: number | null;
  sessionId: string;
  resume: boolean;
  /** Name of a session that begins here. */
  title?: string | null;
  /** `BranchChain.resumeAt`, for the first prompt only: later ones go on from what the branch said since. */
  resumeAt?: string | null;
}

export interface AgentFlags {
  args: string[];
  /** Added to the environment. */
  env: Record<string, string>;
  /** What this version can't take of the branch, a sentence each. */
  unsupported: string[];
}

type Branch = AgentPrompts['branch'];

/** The oldest version that was seen to take a flag; what is not listed here every version since 2.0.76 takes. */
const since = {
  effort: '2.1.100',
  name: '2.1.100',
  highestEfforts: '2.1.200',
  thinking: '2.1.100',
  /** Since then the system prompt of a session is recorded and sent again whatever a later process is told. */
  snapshot: '2.1.260',
};

/**
 * Tools that a person answers: they are on offer as soon as somebody answers permission questions, so not in what `claude -p`
 * recorded. A tool more in front of everything, and nothing of the prefix is the recorded one.
 */
const withPerson = ['AskUserQuestion', 'EnterPlanMode', 'ExitPlanMode'];
/** Tools that are on offer only where a rule allows them. */
const byRule = ['Glob', 'Grep'];
/** Longest argument that Linux passes to a program, with room for the flag. */
const longestArgument = 128 * 1024 - 64;

const protocol = (
  '-p --input-format stream-json --output-format stream-json --verbose --include-partial-messages ' +
  '--permission-prompt-tool stdio'
).split(' ');

/** How Claude Code is started for one prompt of a branch, so that it sends what was recorded wherever the branch changes nothing. */
export function agentFlags(order: AgentFlagsOrder): AgentFlags {
  const { branch, version, maxTurns, budgetUsd } = order;
  const own = [systemFlags(branch, version), effortFlags(branch, version), thinkingFlags(branch, version)];
  return {
    args: [
      ...protocol,
      '--permission-mode',
      modeOf(order),
      ...sessionFlags(order),
      ...toolFlags(order.recordedTools),
      ...(branch.model === null ? [] : [`--model=${branch.model}`]),
      ...own.flatMap(({ args }) => args),
      ...(maxTurns === null ? [] : ['--max-turns', String(maxTurns)]),
      ...(budgetUsd === null ? [] : ['--max-budget-usd', String(budgetUsd)]),
    ],
    env: Object.assign({}, ...own.map(({ env }) => env)) as Record<string, string>,
    unsupported: own.flatMap(({ unsupported }) => unsupported),
  };
}

/**
 * Only the modes that leave every other question to whoever answers: `bypass` is answered there too, so that writes
 * outside the place are still refused, and so that it works for root, to whom Claude Code refuses its own.
 */
function modeOf({ permissionMode }: AgentFlagsOrder): string {
  return permissionMode === 'plan' || permissionMode === 'acceptEdits' ? permissionMode : 'default';
}

function sessionFlags({ resume, resumeAt, sessionId, title, version }: AgentFlagsOrder): string[] {
  if (!resume) {
    const isNamed = title != null && isVersionAtLeast(version, since.name);
    return ['--session-id', sessionId, ...(isNamed ? [`--name=${title}`] : [])];
  }
  return ['--resume', sessionId, ...(resumeAt == null ? [] : ['--resume-session-at', resumeAt])];
}

function toolFlags(recorded: readonly string[] | null): string[] {
  if (recorded === null) return [];
  const surplus = withPerson.filter((name) => !recorded.includes(name));
  const allowed = byRule.filter((name) => recorded.includes(name));
  return [
    ...(surplus.length === 0 ? [] : ['--disallowedTools', surplus.join(',')]),
    ...(allowed.length === 0 ? [] : ['--allowedTools', allowed.join(',')]),
  ];
}

function flags(args: string[], unsupported: string[] = [], env: Record<string, string> = {}): AgentFlags {
  return { args, env, unsupported };
}

function systemFlags({ system }: Branch, version: string | null): AgentFlags {
  if (system === null) return flags([]);
  const [flag, text] =
    'append' in system ? ['--append-system-prompt', system.append] : ['--system-prompt', system.replace];
  if (new TextEncoder().encode(text).length > longestArgument)
    return flags([], ['The system prompt is too long for a command line (128 KB): the recorded one is used.']);
  // Else the recorded one would be sent, without a word.
  const anew = isVersionAtLeast(version, since.snapshot) ? ['--system-prompt-snapshot', 'off'] : [];
  return flags([`${flag}=${text}`, ...anew]);
}

function effortFlags({ effort, model }: Branch, version: string | null): AgentFlags {
  if (effort === null) return flags([]);
  const program = `Claude Code ${version ?? ''}`.trim();
  const isHighest = effort === 'xhigh';
  if (!isVersionAtLeast(version, isHighest ? since.highestEfforts : since.effort))
    return flags([], [`${program} takes no effort${isHighest ? ` “${effort}”` : ''}: its default is used.`]);
  const known = model === null ? null : modelFacts(model);
  const taken = known === null || known.efforts.some((each) => each === effort);
  return flags(
    ['--effort', effort],
    taken ? [] : [`${model} takes no effort “${effort}”: Claude Code uses what it takes.`],
  );
}

function thinkingFlags({ thinking, model }: Branch, version: string | null): AgentFlags {
  if (thinking === null) return flags([]);
  const known = model === null ? null : modelFacts(model);
  if (thinking !== 'off') {
    const taken = known === null || known.thinkingBudget;
    const budget = ['--max-thinking-tokens', String(thinking.budgetTokens)];
    return flags(budget, taken ? [] : [`${model} takes no thinking budget: it decides by itself how much it thinks.`]);
  }
  const unsupported = known?.thinkingOff === null ? [`${model} can’t be kept from thinking.`] : [];
  return isVersionAtLeast(version, since.thinking)
    ? flags(['--thinking', 'disabled'], unsupported)
    : flags([], unsupported, { MAX_THINKING_TOKENS: '0' });
}
