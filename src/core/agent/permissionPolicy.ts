import { canonicalJson } from '../canonicalJson.ts';
import { editTools } from '../files/recordedEdit.ts';
import type { Answer } from './agentFacts.ts';
import type { PermissionPolicy } from './agentSettings.ts';

/** What is to become of a call that Claude Code asks about. `message` is told to the agent. */
export type PermissionDecision =
  | { kind: 'allow' }
  | { kind: 'deny'; message: string }
  | { kind: 'ask'; reason: string | null };

type Input = Readonly<Record<string, unknown>>;

/** A call that Claude Code doesn't let through by itself. */
export interface PermissionCall {
  tool: string;
  input: Input;
  /** Claude Code's own words for it, null where it gives none. */
  reason: string | null;
  /** The file decides what runs later without being asked for: it lies in `.git`, `.claude`, `.vscode`, or Claude Code says so. */
  sensitive: boolean;
}

export interface PermissionContext {
  permissions: PermissionPolicy;
  /** Shell commands that go through. */
  allowedCommands: readonly string[];
  /** `permissionKey`s that a person allowed for longer than one call. */
  allowedBefore: ReadonlySet<string>;
  /** Folder of the place, as the agent sees it. */
  placePath: string;
  /** Why the call's path (`pathOf`) lies outside the place, null where it lies inside or the call names none. */
  outside: string | null;
}

const readers = new Set(['Read', 'Glob', 'Grep', 'LS', 'NotebookRead']);
const shells = new Set(['Bash', 'PowerShell', 'Monitor']);
const toPerson = new Map([
  [
    'AskUserQuestion',
    'Nobody is there to answer. Choose by yourself what fits best, say what you assumed, and go on by yourself.',
  ],
  ['ExitPlanMode', 'Nobody is there to approve a plan. Go on by yourself: give the plan as your answer.'],
]);
const allow: PermissionDecision = { kind: 'allow' };

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** The path that a call reads or writes, as the agent names it; null where it names none. */
export function pathOf(tool: string, input: Input): string | null {
  if (tool === 'NotebookEdit' || tool === 'NotebookRead') return textOf(input.notebook_path);
  if (editTools.has(tool) || tool === 'Read') return textOf(input.file_path);
  return readers.has(tool) ? textOf(input.path) : null;
}

/** Is this asked for the person's own answer or approval? No permission that was given before stands for it. */
export function isForPerson(tool: string): boolean {
  return toPerson.has(tool);
}

/** What a person allows with “for this branch” or “for this run”: equal keys stand for the same permission. */
export function permissionKey(tool: string, input: Input): string {
  if (shells.has(tool)) return `${tool} ${commandOf(input) ?? canonicalJson(input)}`;
  if (editTools.has(tool)) return `Edit ${pathOf(tool, input) ?? ''}`;
  if (tool === 'WebFetch') return `${tool} ${hostOf(input) ?? canonicalJson(input)}`;
  if (tool === 'WebSearch' || tool.startsWith('mcp__')) return tool;
  return `${tool} ${canonicalJson(input)}`;
}

/** Decides about one call. Pure: what the file system says of its path stands in the context. */
export function permissionPolicy(call: PermissionCall, context: PermissionContext): PermissionDecision {
  const { tool, input } = call;
  const alone = toPerson.get(tool);
  if (alone !== undefined) return context.permissions === 'deny' ? deny(alone) : ask(call);
  if (editTools.has(tool)) return decideEdit(call, context);
  if (context.permissions === 'bypass') return allow;
  if (readers.has(tool) && context.outside === null) return allow;
  if (shells.has(tool) && isAllowedCommand(input, context.allowedCommands)) return allow;
  if (context.allowedBefore.has(permissionKey(tool, input))) return allow;
  if (context.permissions === 'deny') return deny(unattended(call, context));
  return ask(call, context.outside);
}

/** What an allowed call runs with: the answers of a person are part of its input. */
export function inputWithAnswers(input: Input, answer: Answer): Input {
  return answer.answers === undefined ? input : { ...input, answers: answer.answers };
}

function decideEdit(call: PermissionCall, context: PermissionContext): PermissionDecision {
  const { permissions, outside, placePath } = context;
  const path = pathOf(call.tool, call.input);
  if (path === null) return deny(`${call.tool} needs a path.`);
  if (outside !== null) return deny(`${path} was not changed. ${outside} Change files below ${placePath} only.`);
  if (permissions === 'bypass') return allow;
  if (!call.sensitive) return allow;
  if (context.allowedBefore.has(permissionKey(call.tool, call.input))) return allow;
  if (permissions === 'deny') return deny(unattended(call, context));
  return ask(call, 'What this file says is carried out later without a question, so changes are always asked for.');
}

function isAllowedCommand(input: Input, allowed: readonly string[]): boolean {
  const command = commandOf(input);
  if (command === null || input.dangerouslyDisableSandbox === true) return false;
  return allowed.some((one) => one.trim() === command);
}

function commandOf(input: Input): string | null {
  return textOf(input.command)?.trim() ?? null;
}

function hostOf(input: Input): string | null {
  const url = textOf(input.url);
  return url !== null && URL.canParse(url) ? new URL(url).host : null;
}

function deny(message: string): PermissionDecision {
  return { kind: 'deny', message };
}

function ask({ reason }: PermissionCall, ours: string | null = null): PermissionDecision {
  return { kind: 'ask', reason: ours ?? reason };
}

function unattended({ tool, input }: PermissionCall, { outside }: PermissionContext): string {
  const why = outside === null ? '' : ` ${outside}`;
  const path = pathOf(tool, input);
  const what = path === null ? tool : `${tool} of ${path}`;
  return `${what} is not allowed here, and nobody is there to allow it.${why} Go on without this call.`;
}
