import { plural } from '../../core/format.ts';

/** What the demo's model looks at to make up an answer. */
export interface DemoQuestion {
  model: string;
  prompt: string;
  system: string;
  effort: string | null;
  /** The system prompt or the effort asks for few words. */
  brief: boolean;
  /** File that the conversation is about, null where it names none. */
  file: string | null;
  /** What the last tool answered in this turn, null where none was called. */
  toolResult: string | null;
}

/** Ends what the demo's model says, so that nobody takes its words for a real model's. */
export const demoSignature = 'This is Forkpoint’s offline demo model; no API was called.';

/** Makes up an answer: the same for the same question, and a different one for another model, prompt or effort. */
export function demoAnswer(question: DemoQuestion): string {
  const place = question.file === null ? 'the code' : shortPath(question.file);
  const asked = oneLine(question.prompt);
  if (question.brief) return `I would make one small change in ${place} for “${asked}”. ${demoSignature}`;
  const points = [
    `You asked: “${asked}”.`,
    ...whatWasRead(question, place),
    `I would change ${place} in one place and leave everything around it alone.`,
    ...pick(question).slice(0, depth(question)),
    demoSignature,
  ];
  return points.join('\n');
}

function whatWasRead(question: DemoQuestion, place: string): string[] {
  if (question.toolResult === null) return [];
  const lines = question.toolResult.split('\n').map((line) => line.replace(/^\s*\d+[\t→]\s*/, '').trim());
  const inside = lines.filter((line) => !/^(export|import|function|return)\b/.test(line));
  const code = inside.reduce((best, line) => (line.length > best.length ? line : best), '');
  if (code === '') return [];
  return [`${place} has ${plural(lines.length, 'line')}; the one that matters is \`${code.slice(0, 80)}\`.`];
}

const remarks = [
  'Before the change I would write a test that fails, so that the change has something to prove.',
  'The order of the steps matters here: what comes first decides what the later ones still see.',
  'Input that is empty, or has nothing to keep, should give an empty result and not a lone separator.',
  'I would name the rule in a comment, because the pattern alone does not say why it is there.',
  'Callers need no change: the signature and the results for plain text stay as they are.',
  'If this grows, a small table of exceptions is easier to read than a longer pattern.',
];

/** How much a model of this kind says. */
function depth({ model, effort }: DemoQuestion): number {
  const byModel = /opus/.test(model) ? 3 : /haiku/.test(model) ? 1 : 2;
  return byModel + (effort === 'high' || effort === 'xhigh' || effort === 'max' ? 2 : 0);
}

/** The remarks in an order of the question's own. */
function pick({ model, prompt, system, effort }: DemoQuestion): string[] {
  let seed = hash(`${model}\n${prompt}\n${system}\n${effort ?? ''}`);
  const left = [...remarks];
  const picked: string[] = [];
  while (left.length > 0) {
    picked.push(...left.splice(seed % left.length, 1));
    seed = hash(String(seed));
  }
  return picked;
}

/** FNV-1a, 32 bits: any stable number will do. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return value;
}

/** The end of a path: recordings may hold any text in its place. */
export function shortPath(file: string): string {
  return oneLine(file.split(/[\\/]/).slice(-2).join('/'));
}

function oneLine(text: string): string {
  const line = text.trim().split('\n')[0]?.trim() ?? '';
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
