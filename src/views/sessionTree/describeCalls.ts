import { oneLine } from '../../core/format.ts';
import type { Step, StepOutline, TurnOutline } from '../../core/session/recordedSession.ts';

/** Verbs for the tools that every Claude Code has: what the tool does, and which member of its input says with what. */
const verbs: ReadonlyMap<string, { verb: string; field: string }> = new Map([
  ['Read', { verb: 'reads', field: 'file_path' }],
  ['Edit', { verb: 'edits', field: 'file_path' }],
  ['MultiEdit', { verb: 'edits', field: 'file_path' }],
  ['Write', { verb: 'writes', field: 'file_path' }],
  ['NotebookEdit', { verb: 'edits', field: 'notebook_path' }],
  ['Bash', { verb: 'runs', field: 'command' }],
  ['Grep', { verb: 'searches for', field: 'pattern' }],
  ['Glob', { verb: 'looks for', field: 'pattern' }],
  ['WebFetch', { verb: 'fetches', field: 'url' }],
  ['WebSearch', { verb: 'searches the web for', field: 'query' }],
  ['Task', { verb: 'starts a subagent:', field: 'description' }],
  ['Agent', { verb: 'starts a subagent:', field: 'description' }],
]);

/** A step in one line: what its tools do (`Edits src/slugify.ts, runs npm test`), else its text. */
export function describeStep(step: Step, projectPath: string | null): string {
  if (step.error !== null) return oneLine(step.error);
  if (step.toolCalls.length === 0) return oneLine(step.text) || 'Empty reply';
  const calls = step.toolCalls.map((call) => describeCall(call, projectPath)).join(', ');
  return oneLine(calls.charAt(0).toUpperCase() + calls.slice(1));
}

/** The turn's tools with their counts: `Read ×2, Edit`. */
export function describeTools(turn: TurnOutline): string {
  const counts = new Map<string, number>();
  for (const step of turn.steps) {
    for (const { name } of step.toolCalls) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Array.from(counts, ([name, count]) => `${oneLine(name, 40)}${count > 1 ? ` ×${count}` : ''}`).join(', ');
}

/** Tool calls of these steps that ended in an error, and API errors. */
export function errorCount(steps: readonly StepOutline[]): number {
  const failed = steps.map((step) => step.toolCalls.filter(({ result }) => result?.isError).length);
  return failed.reduce((sum, count) => sum + count, 0) + steps.filter(({ error }) => error !== null).length;
}

/** What a call does, in few words: `edits src/slugify.ts`, `runs npm test`. */
export function describeCall(call: { name: string; input: unknown }, projectPath: string | null): string {
  const known = verbs.get(call.name);
  const value = known === undefined ? null : textField(call.input, known.field);
  if (known === undefined || value === null) return `calls ${oneLine(call.name, 60)}`;
  return `${known.verb} ${oneLine(known.field.endsWith('_path') ? relativePath(value, projectPath) : value, 60)}`;
}

function textField(input: unknown, field: string): string | null {
  if (input === null || typeof input !== 'object') return null;
  const value = (input as Readonly<Record<string, unknown>>)[field];
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

function relativePath(path: string, projectPath: string | null): string {
  if (projectPath === null || !path.startsWith(projectPath)) return path;
  const rest = path.slice(projectPath.length);
  return /^[\\/]./.test(rest) ? rest.slice(1) : path;
}
