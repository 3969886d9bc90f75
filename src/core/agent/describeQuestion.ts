import type { Question } from './agentFacts.ts';

const text = (input: unknown, key: string): string | null => {
  const value = input !== null && typeof input === 'object' ? (input as Record<string, unknown>)[key] : null;
  return typeof value === 'string' && value.trim() !== '' ? value : null;
};

/** What an agent asks for, in few words: its command, its file, its question. */
export function describeQuestion({ tool, input }: Pick<Question, 'tool' | 'input'>): string {
  if (tool === 'ExitPlanMode') return 'approve its plan';
  if (tool === 'AskUserQuestion') {
    const questions = input !== null && typeof input === 'object' && 'questions' in input ? input.questions : [];
    const first: unknown = Array.isArray(questions) ? questions[0] : null;
    return text(first, 'question') ?? 'a question';
  }
  const command = text(input, 'command');
  if (command !== null) return command;
  const target = text(input, 'file_path') ?? text(input, 'notebook_path') ?? text(input, 'url') ?? text(input, 'path');
  return target === null ? tool : `${tool} ${target}`;
}
