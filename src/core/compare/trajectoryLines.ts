import { callSubject, callTitle } from '../callTitle.ts';
import { canonicalJson } from '../canonicalJson.ts';
import { visibleText } from '../plainText.ts';
import type { Trajectory, TrajectoryCall } from './trajectory.ts';

/** A line of a trajectory's document, and which part of the trajectory it shows. */
export interface DocumentLine {
  text: string;
  part: 'step' | 'text' | 'tool' | 'gap' | 'end';
}

/**
 * A trajectory as lines that are made to be diffed: the same sections in the same order, one sentence or code line a line,
 * and nothing that always differs (ids, times, costs, tokens).
 * @param projectPath paths below it are shown relative to it
 * @param results whether calls were answered from the recording, or some of what is compared was really carried out
 */
export function trajectoryLines(
  trajectory: Trajectory,
  projectPath: string | null,
  results: 'recorded' | 'real' = 'recorded',
): DocumentLine[] {
  const severalTurns = new Set(trajectory.steps.map((step) => step.turn)).size > 1;
  const lines: DocumentLine[] = [];
  const add = (part: DocumentLine['part'], text: string) =>
    lines.push(
      ...visibleText(text)
        .split('\n')
        .map((line): DocumentLine => ({ text: line, part })),
    );
  let turn = -1;
  let stepOfTurn = 0;
  for (const step of trajectory.steps) {
    if (step.turn !== turn) stepOfTurn = 0;
    turn = step.turn;
    stepOfTurn++;
    add('step', severalTurns ? `Turn ${turn}, step ${stepOfTurn}` : `Step ${stepOfTurn}`);
    if (step.text.trim() !== '') add('text', sentencePerLine(step.text.trimEnd()));
    for (const call of step.calls) {
      add('gap', '');
      add('tool', renderCall(call, projectPath, results).join('\n'));
    }
    add('gap', '');
  }
  add('end', `Ends: ${trajectory.ends ?? 'unknown'}`);
  return lines;
}

/** The lines as the document that diff editors show. */
export function documentOf(lines: readonly DocumentLine[]): string {
  return lines.map(({ text }) => `${text}\n`).join('');
}

function renderCall(call: TrajectoryCall, projectPath: string | null, results: 'recorded' | 'real'): string[] {
  const lines = [`→ ${callTitle(call, projectPath)}`];
  const subject = callSubject(call.input);
  if (call.input !== null && typeof call.input === 'object') {
    for (const [key, value] of Object.entries(call.input).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
      if (key === subject?.key && !subject.text.includes('\n')) continue;
      lines.push(...renderField(key, value));
    }
  } else if (call.input !== undefined) {
    lines.push(`    ${canonicalJson(call.input)}`);
  }
  return [...lines, ...renderResult(call, results === 'real' ? 'result' : 'recorded result')];
}

function renderField(key: string, value: unknown): string[] {
  const text = typeof value === 'string' ? value : canonicalJson(value);
  if (!text.includes('\n')) return [`    ${key}: ${text}`];
  return [`    ${key}:`, ...indented(text)];
}

function renderResult(call: TrajectoryCall, name: string): string[] {
  if (call.result === null) return [`← no ${name}`];
  const text = resultText(call.result.content);
  const count = text === '' ? 0 : text.split('\n').length;
  const error = call.result.isError ? ', an error' : '';
  return [`← ${name}${error}, ${count} ${count === 1 ? 'line' : 'lines'}`, ...(count > 0 ? indented(text) : [])];
}

const indented = (text: string) => text.split('\n').map((line) => (line === '' ? '' : `      ${line}`));

/** Text of a `tool_result`'s content; what is not text is named. */
export function resultText(content: unknown): string {
  if (typeof content === 'string') return content.trimEnd();
  if (!Array.isArray(content)) return content === null || content === undefined ? '' : canonicalJson(content);
  return content
    .map((block: { type?: string; text?: unknown }) =>
      block.type === 'text' && typeof block.text === 'string' ? block.text : `[${block.type ?? 'content'}]`,
    )
    .join('\n')
    .trimEnd();
}

const sentences = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Prose with each sentence on a line of its own; code fences, lists, tables and headings stay as they are. */
export function sentencePerLine(text: string): string {
  let fenced = false;
  return text
    .split('\n')
    .flatMap((line) => {
      if (/^\s*(```|~~~)/.test(line)) {
        fenced = !fenced;
        return [line];
      }
      const prose = !fenced && line.trim() !== '' && !/^(\s{4}|\t|\s*([-*+>|#]|\d+[.)])\s)/.test(line);
      return prose ? [...sentences.segment(line)].map(({ segment }) => segment.trimEnd()).filter(Boolean) : [line];
    })
    .join('\n');
}
