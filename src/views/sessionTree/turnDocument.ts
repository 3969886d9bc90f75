import { canonicalJson, type Json } from '../../core/canonicalJson.ts';
import { resultText } from '../../core/compare/trajectoryLines.ts';
import { absoluteTime, modelName, oneLine, plural } from '../../core/format.ts';
import { codeBlock, escapeMarkdown, inertProse } from '../../core/inertMarkdown.ts';
import type {
  RecordedSession,
  RecordedToolCall,
  SpilledOutput,
  Step,
  Turn,
} from '../../core/session/recordedSession.ts';
import { describeTools } from './describeCalls.ts';
import { factList, usageText } from './sessionTooltips.ts';

/** Longest tool input or result that is shown whole. The raw transcript has the rest. */
const longest = 20_000;

/** A turn to read, as markdown in which nothing of the recording is active. */
export function turnDocument(session: RecordedSession, turn: Turn): string {
  const project = session.summary.projectPath;
  const blocks = [
    `# ${escapeMarkdown(oneLine(turn.prompt, 100) || 'Prompt without text')}`,
    factList(
      ['Session', session.summary.title],
      ['Turn', `${turn.index} of ${session.turns.length}${turn.active ? '' : ', abandoned'}`],
      ['At', absoluteTime(turn.at)],
      ['Models', turn.models.map(modelName).join(', ') || null],
      ['Effort', [...new Set(turn.steps.flatMap((step) => step.effort ?? []))].join(', ') || null],
      ['Tools', describeTools(turn) || null],
      ['Tokens', usageText(turn.usage)],
      ['Project', project],
    ),
    '## You',
    inertProse(turn.prompt) || '*Prompt without text*',
    ...imageNote(turn),
    ...turn.steps.flatMap((step, at) => [
      ...absorbedBlocks(turn, turn.steps[at - 1]?.line ?? turn.line, step.line),
      ...stepBlocks(step, turn.steps.length),
    ]),
    ...absorbedBlocks(turn, turn.steps.at(-1)?.line ?? turn.line, Number.POSITIVE_INFINITY),
    ...(turn.steps.length === 0 ? ['*No reply was recorded.*'] : []),
    ...(turn.interrupted ? ['---', '*Interrupted here.*'] : []),
    ...(turn.error === null ? [] : ['---', `**API error** ${escapeMarkdown(turn.error)}`]),
  ];
  return `${blocks.join('\n\n')}\n`;
}

/** What the person wrote between two lines of the transcript, while the turn ran. */
function absorbedBlocks(turn: Turn, after: number, before: number): string[] {
  const between = turn.absorbed.filter(({ line }) => line > after && line < before);
  return between.flatMap(({ text }) => ['## You, meanwhile', inertProse(text)]);
}

function imageNote(turn: Turn): string[] {
  const others = turn.promptContent.filter(({ type }) => type !== 'text').map(({ type }) => oneLine(type, 40));
  return others.length === 0 ? [] : [`*Beside the text: ${escapeMarkdown(others.join(', '))}*`];
}

function stepBlocks(step: Step, steps: number): string[] {
  const title = [modelName(step.model), steps > 1 ? `step ${step.index}` : null].filter(Boolean).join(' · ');
  const thinking = step.content
    .filter(({ type }) => type === 'thinking')
    .map((block) => (typeof block['thinking'] === 'string' ? block['thinking'] : ''))
    .filter((text) => text.trim() !== '');
  return [
    `## ${escapeMarkdown(title)}`,
    ...thinking.flatMap((text) => ['**Thinking**', quoted(inertProse(text))]),
    ...(step.text.trim() === '' ? [] : [inertProse(step.text)]),
    ...step.toolCalls.flatMap(callBlocks),
    ...(step.error === null ? [] : [`**API error** ${escapeMarkdown(step.error)}`]),
  ];
}

function callBlocks(call: RecordedToolCall): string[] {
  const result =
    call.result === null
      ? ['*No result was recorded.*']
      : [
          `*${call.result.isError ? 'Error' : 'Result'}, ${lineCount(resultText(call.result.content))}*`,
          shown(resultText(call.result.content)),
          ...spilledBlocks(call.result.spilled),
        ];
  return [`**→ ${escapeMarkdown(oneLine(call.name, 60))}**`, shown(inputText(call.input)), ...result];
}

/** The whole output of a tool, where the transcript holds its beginning only. */
function spilledBlocks(spilled: SpilledOutput | undefined): string[] {
  if (spilled === undefined) return [];
  if (spilled.text === null) return ['*The whole output was too long for the transcript, and its file is gone.*'];
  return [`*The whole output, ${lineCount(spilled.text)}*`, shown(spilled.text)];
}

/** One line a field; texts as they are, everything else as JSON. */
function inputText(input: Json): string {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) return canonicalJson(input);
  return Object.entries(input)
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : canonicalJson(value)}`)
    .join('\n');
}

function shown(text: string): string {
  if (text.length <= longest) return codeBlock(text);
  const rest = `… ${(text.length - longest).toLocaleString('en-US')} more characters in the raw transcript`;
  return codeBlock(`${text.slice(0, longest)}\n${rest}`);
}

function lineCount(text: string): string {
  return plural(text === '' ? 0 : text.replace(/\n$/, '').split('\n').length, 'line');
}

function quoted(markdown: string): string {
  return markdown
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n');
}
