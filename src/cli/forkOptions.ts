import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import type { z } from 'zod';
import { parseForkFile, promptText } from '../adapters/forkFiles/parseForkFile.ts';
import { problemsOf, refusal } from '../adapters/forkFiles/problems.ts';
import type { Executor } from '../core/agent/agentSettings.ts';
import { BadInputError, messageOf } from '../core/errors.ts';
import { forkFileSchema, forkRequestOfFile } from '../core/fork/forkFile.ts';
import {
  executorOf,
  type ForkPoint,
  type ForkRequest,
  type ReplayRequest,
  type RunSettings,
  replayRequestSchema,
} from '../core/fork/forkRequest.ts';

/** Options of `fork` and `replay` that mirror the fork file's keys. */
export interface RunOptions {
  engine?: string;
  tools?: string;
  maxSteps?: number;
  budgetUsd?: number;
  timeoutSeconds?: number;
  cache?: boolean;
  executor?: string;
  place?: string;
  files?: string;
  permissions?: string;
  iKnow?: boolean;
  allowRecorded?: boolean;
  setup?: string[];
  check?: string[];
  maxTurns?: number;
  concurrency?: number;
}

export interface ForkOptions extends RunOptions {
  file?: string;
  prompt?: string;
  branch?: string[];
  matrix?: string[];
}

/**
 * The request that a fork's command line stands for; with `--file` the options go before the file's values.
 * @param defaults for what neither says
 * @throws BadInputError
 */
export async function forkRequestOf(
  session: string | undefined,
  at: ForkPoint | null,
  options: ForkOptions,
  defaults: Record<string, unknown> = {},
): Promise<ForkRequest> {
  const given = withoutUndefined({ session, at: at ?? undefined, prompt: options.prompt, ...settingsOf(options) });
  const branches = (options.branch ?? []).map(branchOf);
  const matrix = matrixOf(options.matrix ?? []);
  if (options.file !== undefined) {
    const own = withoutUndefined({ branches: branches.length > 0 ? branches : undefined, matrix });
    return fileRequest(options.file, { ...given, ...own }, defaults);
  }
  const raw = {
    ...defaults,
    ...given,
    ...withoutUndefined({ matrix }),
    ...(branches.length > 0 ? { branches } : matrix === undefined ? { branches: [{ name: 'as recorded' }] } : {}),
  };
  const request = accepted(forkRequestOfFile(accepted(forkFileSchema.safeParse(raw))));
  return withPrompts(request);
}

/** @throws BadInputError */
export function replayRequestOf(
  session: string,
  options: RunOptions & { from?: number; to?: number; model?: string[]; repeats?: number },
): ReplayRequest {
  const { from, to, model, repeats } = options;
  return accepted(
    replayRequestSchema.safeParse(
      withoutUndefined({ session, from, to, models: model, repeats, ...settingsOf(options) }),
    ),
  );
}

function settingsOf(options: RunOptions) {
  const { engine, tools, maxSteps, budgetUsd, timeoutSeconds, cache } = options;
  const { executor, place, files, permissions, allowRecorded, setup, maxTurns, concurrency } = options;
  const agent = { executor, place, files, permissions, allowRecorded, setup, maxTurns, concurrency };
  return { engine, tools, maxSteps, budgetUsd, timeoutSeconds, cache, ...agent, checks: options.check?.map(checkOf) };
}

/** `NAME=CMD`, or a command that is its own name. An assignment before a command (`CI=1 npm test`) is part of it. */
function checkOf(text: string): { name: string; run: string } {
  const [, name, run] = /^([a-z][\w -]*)=(\S[\s\S]*)$/.exec(text) ?? [];
  if (name !== undefined && run !== undefined) return { name, run };
  if (text.trim() === '' || /^\s*=|^[a-z][\w -]*=\s*$/.test(text)) {
    throw new BadInputError('--check names no command.', 'Write for example --check "tests=npm test".', {
      path: 'checks',
    });
  }
  return { name: text.trim().slice(0, 80), run: text };
}

/**
 * The demo model answers requests and executes nothing: an agent would send its own elsewhere, and be billed for them.
 * @throws BadInputError
 */
export function checkDemo(settings: RunSettings, { demo }: { demo?: boolean }): void {
  if (demo !== true || executorOf(settings, 'api') === 'api') return;
  throw new BadInputError(
    'The demo model can’t answer for Claude Code: --demo goes with executor api only.',
    'Leave --demo out, or the options of Claude Code (--executor, --place, --check and the like).',
    { path: 'executor' },
  );
}

// As they are written, by what commander calls them.
const agentFlags = {
  place: '--place',
  files: '--files',
  permissions: '--permissions',
  allowRecorded: '--allow-recorded',
  setup: '--setup',
  check: '--check',
  maxTurns: '--max-turns',
  concurrency: '--concurrency',
  claude: '--claude',
} as const;
const apiFlags = { tools: '--tools', maxSteps: '--max-steps' } as const;

/**
 * An option that would do nothing is a mistake of the one who wrote it. What a fork file says beside it is named in the preview.
 * @throws BadInputError for options of the other executor
 */
export function checkExecutor(executor: Executor, options: RunOptions & { claude?: string }): void {
  const flags: Partial<Record<keyof typeof options, string>> = executor === 'api' ? agentFlags : apiFlags;
  const given = Object.entries(flags).filter(([key]) => ![undefined, false].includes(Reflect.get(options, key)));
  if (given.length === 0) return;
  const why =
    executor === 'api'
      ? 'with the executor api nothing is executed'
      : 'with the executor claude-code the agent carries its calls out by itself';
  const other = executor === 'api' ? 'claude-code' : 'api';
  throw new BadInputError(
    `${given.map(([, flag]) => flag).join(', ')}: ${why}.`,
    `Leave that out, or choose --executor ${other}.`,
    { path: given[0]?.[0] ?? '' },
  );
}

/** @throws BadInputError where a run would work without a question and nobody has agreed to that */
export function checkBypass(permissions: string | undefined, { iKnow }: RunOptions): void {
  if (permissions !== 'bypass' || iKnow === true) return;
  throw new BadInputError(
    'With permissions "bypass" an agent runs every command without a question.',
    'Add --i-know if that is what you want, or use ask or deny.',
    { path: 'permissions' },
  );
}

async function fileRequest(
  file: string,
  overrides: Record<string, unknown>,
  defaults: Record<string, unknown>,
): Promise<ForkRequest> {
  const standardInput = file === '-';
  const folder = standardInput ? process.cwd() : path.dirname(path.resolve(file));
  const name = standardInput ? 'standard input' : file;
  const text = await (standardInput ? readAll(process.stdin) : readText(file, 'fork file'));
  const readPrompt = (prompt: string): Promise<string> => readText(path.resolve(folder, prompt), 'prompt');
  return parseForkFile({ text, name, env: process.env, readPrompt, overrides, defaults });
}

async function withPrompts(request: ForkRequest): Promise<ForkRequest> {
  const read = (prompt: string): Promise<string> => promptText(prompt, (file) => readText(file, 'prompt'));
  const branches = await Promise.all(
    request.branches.map(async (branch) =>
      branch.prompt === undefined ? branch : { ...branch, prompt: await read(branch.prompt) },
    ),
  );
  return { ...request, branches, ...(request.prompt === undefined ? {} : { prompt: await read(request.prompt) }) };
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const hint =
      what === 'prompt' ? 'Check the path, or write @@ for a prompt that begins with an @.' : 'Check the path.';
    throw new BadInputError(`Can't read the ${what} ${file}: ${messageOf(error)}`, hint, { path: file });
  }
}

const freeTexts = ['prompt', 'system', 'replaceSystem'];
const branchKeys = ['name', 'model', 'prompt', 'system', 'replaceSystem', 'effort', 'thinking', 'maxTokens', 'repeats'];

/** `name=terse,effort=low,system=Answer in one sentence.`: a comma counts only where a key follows it. */
function branchOf(text: string, index: number): Record<string, unknown> {
  const branch: Record<string, unknown> = {};
  for (const part of text.split(new RegExp(`,(?=(?:${branchKeys.join('|')})=)`))) {
    const [, key, value] = /^(\w+)=([\s\S]*)$/.exec(part) ?? [];
    const hint = `The keys are ${branchKeys.join(', ')}.`;
    const at = { path: `branches[${index}]` };
    if (key === undefined || value === undefined || !branchKeys.includes(key)) {
      throw new BadInputError(`--branch ${JSON.stringify(text)}: ${JSON.stringify(part)} is no key=value.`, hint, at);
    }
    const [, unknown] = freeTexts.includes(key) ? [] : (/,\s*(\w+)=/.exec(value) ?? []);
    if (unknown !== undefined) {
      throw new BadInputError(`--branch ${JSON.stringify(text)}: there is no key ${unknown}.`, hint, at);
    }
    Object.assign(branch, branchValue(key, value));
  }
  return { name: branch.model ?? `branch ${index + 1}`, ...branch };
}

function branchValue(key: string, value: string): Record<string, unknown> {
  if (key === 'system') return { system: { append: value } };
  if (key === 'replaceSystem') return { system: { replace: value } };
  if (key === 'thinking') return { thinking: value === 'off' ? value : { budgetTokens: Number(value) } };
  return { [key]: key === 'maxTokens' || key === 'repeats' ? Number(value) : value };
}

/** `model=a,b` and so on; undefined where there is none. */
function matrixOf(given: readonly string[]): Record<string, unknown[]> | undefined {
  if (given.length === 0) return undefined;
  return Object.fromEntries(
    given.map((text) => {
      const [, key, list] = /^(\w+)=([\s\S]+)$/.exec(text) ?? [];
      if (key === undefined || list === undefined) {
        const hint = 'Write for example --matrix model=claude-haiku-4-5,claude-opus-4-5.';
        throw new BadInputError(`--matrix ${JSON.stringify(text)} is no key=value,value.`, hint, { path: 'matrix' });
      }
      const values = list.split(',').map((value) => value.trim());
      return [key, values.map((value) => Object.values(branchValue(key, value))[0])];
    }),
  );
}

function withoutUndefined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function accepted<T>(result: z.ZodSafeParseResult<T>): T {
  if (result.success) return result.data;
  throw refusal(
    'command line',
    problemsOf(result.error, () => null),
  );
}
