// src/adapters/forkFiles: reads *.fork.yaml and says what is wrong with it, with path and line. What a fork may be is
// the schema's business in src/core/fork.

import { type Document, isMap, isPair, isScalar, LineCounter, type Node, parseDocument, Scalar, visit } from 'yaml';
import type { z } from 'zod';
import { BadInputError, messageOf } from '../../core/errors.ts';
import { forkFileSchema, forkRequestOfFile } from '../../core/fork/forkFile.ts';
import type { ForkRequest } from '../../core/fork/forkRequest.ts';
import { type Problem, problemsOf, refusal } from './problems.ts';

export interface ForkFileSource {
  text: string;
  /** For messages: the file's path, or `standard input`. */
  name: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Reads the file that a prompt names with `@path`. */
  readPrompt: (path: string) => Promise<string>;
  /** Values for keys that the file has not. */
  defaults?: Readonly<Record<string, unknown>>;
  /** Values from the command line that go before the file's. */
  overrides?: Readonly<Record<string, unknown>>;
}

/**
 * Reads a fork file: YAML (so JSON too), with variables, prompts from files, and a matrix.
 * @throws BadInputError that names each problem with its path and line
 */
export async function parseForkFile(source: ForkFileSource): Promise<ForkRequest> {
  const lines = new LineCounter();
  const { text, names } = withPlaceholders(source.text);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors.map(
    ({ message, pos }): Problem => ({ path: '', line: lines.linePos(pos[0]).line, message }),
  );
  if (broken.length > 0) throw refusal(source.name, broken);
  const missing = fillPlaceholders(document, names, source.env, lines);
  if (missing.length > 0) throw refusal(source.name, missing);
  const lineOf = (path: readonly PropertyKey[], key?: string): number | null => findLine(document, lines, path, key);
  const raw = valueOf(document, source.name);
  if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) {
    throw refusal(source.name, [
      { path: '', line: 1, message: 'A fork file holds keys such as session, at and branches.' },
    ]);
  }
  const file = accepted(
    forkFileSchema.safeParse({ ...source.defaults, ...raw, ...source.overrides }),
    source.name,
    lineOf,
  );
  const request = accepted(forkRequestOfFile(file), source.name, lineOf);
  return withPromptsRead(request, source, lineOf);
}

/** The file as a value. Aliases that multiply without end are refused. */
function valueOf(document: Document, name: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw refusal(name, [{ path: '', line: null, message: `${messageOf(error)}.` }]);
  }
}

function accepted<T>(result: z.ZodSafeParseResult<T>, name: string, lineOf: Parameters<typeof problemsOf>[1]): T {
  if (result.success) return result.data;
  throw refusal(name, problemsOf(result.error, lineOf));
}

async function withPromptsRead(
  request: ForkRequest,
  source: ForkFileSource,
  lineOf: (path: readonly PropertyKey[]) => number | null,
): Promise<ForkRequest> {
  const read = async (prompt: string | undefined, path: PropertyKey[]): Promise<string | undefined> => {
    try {
      return prompt === undefined ? undefined : await promptText(prompt, source.readPrompt);
    } catch (error) {
      if (!(error instanceof BadInputError)) throw error;
      throw refusal(source.name, [{ path: path.join('.'), line: lineOf(path), message: error.message }]);
    }
  };
  const branches = await Promise.all(
    request.branches.map(async (branch, index) => {
      const prompt = await read(branch.prompt, ['branches', index, 'prompt']);
      return prompt === undefined ? branch : { ...branch, prompt };
    }),
  );
  const prompt = await read(request.prompt, ['prompt']);
  return { ...request, branches, ...(prompt === undefined ? {} : { prompt }) };
}

/** The prompt itself: `@path` is read from a file, `@@…` stands for a text that begins with an @. */
export async function promptText(prompt: string, readPrompt: (path: string) => Promise<string>): Promise<string> {
  if (prompt.startsWith('@@')) return prompt.slice(1);
  return prompt.startsWith('@') ? readPrompt(prompt.slice(1)) : prompt;
}

const variable = /\$(\$?)\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g;
const placeholder = /forkpointVariable(\d+)x/g;

interface Variable {
  name: string;
  fallback: string | null;
  /** Written with a second `$`: kept as it is. */
  literal: boolean;
  text: string;
}

// Braces mean something to YAML, so variables are set aside while it is parsed. Their values come in afterwards: they
// can't change the structure of the file.
function withPlaceholders(text: string): { text: string; names: Variable[] } {
  const names: Variable[] = [];
  const replaced = text.replace(variable, (whole, dollar: string, name: string, fallback: string | undefined) => {
    names.push({ name, fallback: fallback ?? null, literal: dollar !== '', text: whole });
    return `forkpointVariable${names.length - 1}x`;
  });
  return { text: replaced, names };
}

function fillPlaceholders(
  document: Document,
  variables: readonly Variable[],
  env: ForkFileSource['env'],
  lines: LineCounter,
): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Scalar(_key, node, path) {
      const isId = holdsId(path.at(-1), node);
      if (isId && typeof node.value !== 'string') node.value = node.source ?? node.value;
      if (typeof node.value !== 'string') return;
      const filled = node.value.replace(placeholder, (whole, index: string) => {
        const found = variables[Number(index)];
        if (found === undefined) return whole;
        if (found.literal) return found.text.slice(1);
        const value = env[found.name] || found.fallback;
        if (value !== null && value !== undefined) return value;
        const message = `The variable ${found.name} is not set. Set it, or give a default: \${${found.name}:-…}.`;
        problems.push({ path: '', line: lineOfNode(node, lines), message });
        return '';
      });
      if (filled !== node.value) node.value = node.type === Scalar.PLAIN && !isId ? plainValue(filled) : filled;
    },
  });
  return problems;
}

/** Ids are texts, also those that look like numbers to YAML: `12e4` is a beginning of many a session id. */
function holdsId(parent: unknown, node: Scalar): boolean {
  if (!isPair(parent) || parent.value !== node || !isScalar(parent.key)) return false;
  return ['session', 'before', 'after'].includes(String(parent.key.value));
}

/** What YAML makes of an unquoted scalar, so that `${LIMIT}` can be a number. */
function plainValue(text: string): unknown {
  const { contents, errors } = parseDocument(text);
  return errors.length === 0 && isScalar(contents) && contents.type === Scalar.PLAIN ? contents.value : text;
}

function lineOfNode(node: Node, lines: LineCounter): number | null {
  return node.range == null ? null : lines.linePos(node.range[0]).line;
}

/** Line of the value at a path, or of a key in it; of what holds it, where the file has no such value. */
function findLine(
  document: Document,
  lines: LineCounter,
  path: readonly PropertyKey[],
  key: string | undefined,
): number | null {
  for (let length = path.length; length >= 0; length -= 1) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (length === path.length && key !== undefined && isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
      if (isScalar(pair?.key)) return lineOfNode(pair.key, lines);
    }
    if (isNodeWithRange(node)) return lineOfNode(node, lines);
  }
  return null;
}

function isNodeWithRange(node: unknown): node is Node {
  return typeof node === 'object' && node !== null && 'range' in node && node.range != null;
}
