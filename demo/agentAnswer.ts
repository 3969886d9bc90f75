import { type DemoQuestion, demoAnswer, demoSignature, shortPath } from '../src/adapters/demo/demoAnswer.ts';
import type { MessagesRequest, RequestMessage } from '../src/core/api/messagesRequest.ts';
import { edits, type Replacement } from './sampleCode.ts';

/** A content block of a request or a reply. */
export type Block = { type: string } & Record<string, unknown>;

/** What is asked of the agent, and what it has done about it so far. */
interface Task extends DemoQuestion {
  file: string;
  /** Tools that it called in this turn, with what they answered. */
  done: { name: string; path: string | null; result: string }[];
}

/**
 * What the demo's model says as an agent in the sample project: it reads, edits and tests as its model, its system prompt and
 * its effort have it. The cheap one takes a pattern that also matches digits, and doesn't run the tests: there is to be
 * something to find.
 * @returns null where the request is none for an agent, or knows nothing of the project
 */
export function agentAnswer(request: MessagesRequest): Block[] | null {
  const names = request.tools?.map(({ name }) => name) ?? [];
  const file = sourceFile(request);
  if (!['Read', 'Edit', 'Bash'].every((name) => names.includes(name)) || file === null) return null;
  const task = taskOf(request, file);
  const source = task.done.find(({ name, path }) => name === 'Read' && path === file);
  if (source === undefined) {
    return [text(`I’ll read ${shortPath(file)} as it is now.`), call(request, 'Read', { file_path: file })];
  }
  const change = isQuestion(task.prompt) ? null : changeOf(task, source.result);
  if (change === null) return [text(wordsFor({ ...task, toolResult: codeOf(source.result) }))];
  return nextStep(request, task, change);
}

/** What is said of the questions of the sample session, and of any other. */
function wordsFor(task: Task): string {
  const known = answers.find(({ to }) => to.test(task.prompt));
  return known === undefined ? demoAnswer(task) : `${known.say}\n${demoSignature}`;
}

const answers = [
  {
    to: /drop accents/i,
    say: 'It replaces everything outside a–z and 0–9 by a hyphen, and “è” is a letter outside of that range. Splitting each letter from its accent first (Unicode form NFKD) and dropping the accents would keep the “e”.',
  },
  {
    to: /Segmenter/,
    say: 'For slugs the regex is enough: it only has to know what is not a letter or a digit. Intl.Segmenter would pay off if you had to count or cut visible characters.',
  },
];

/** The file in a result of Read, without line numbers and what Claude Code adds below. */
const codeOf = (result: string): string =>
  result
    .split('\n')
    .flatMap((line) => /^\s*\d+[\t→](.*)$/.exec(line)?.[1] ?? [])
    .join('\n');

interface Change {
  why: string;
  source: Replacement;
  /** Null where it writes none. */
  test: Replacement | null;
  runsTests: boolean;
}

function nextStep(request: MessagesRequest, { file, done }: Task, change: Change): Block[] {
  const tests = file.replace(/src([\\/])slugify\.ts$/, 'test$1slugify.test.ts');
  const did = (name: string, path: string | null): boolean =>
    done.some((call) => call.name === name && call.path === path);
  const edit = (path: string, { before, after }: Replacement) =>
    call(request, 'Edit', { file_path: path, old_string: before, new_string: after }, 1);
  const test = change.runsTests
    ? [call(request, 'Bash', { command: 'npm test', description: 'Run the tests' }, 2)]
    : [];
  if (!did('Edit', file)) {
    const next = change.test === null ? test : [call(request, 'Read', { file_path: tests }, 3)];
    return [text(change.why), edit(file, change.source), ...next];
  }
  if (change.test !== null && !did('Edit', tests)) return [edit(tests, change.test), ...test];
  const ran = done.find(({ name }) => name === 'Bash');
  const outcome =
    ran === undefined ? '' : /^ℹ fail 0$/m.test(ran.result) ? ' The tests pass.' : ' The tests did not pass.';
  return [text(`Done: ${shortPath(file)} is changed.${outcome}\n${demoSignature}`)];
}

/** The change to a file that holds this, null where it holds the change already. */
function changeOf({ prompt, model, brief }: Task, source: string): Change | null {
  const careful = !brief && !/haiku/.test(model);
  const lines = (added: string): Replacement => {
    const before = source.includes(edits.emoji.before.trim()) ? edits.emoji.before : '    .toLowerCase()';
    return { before, after: `${added}\n${before}` };
  };
  if (/emoji/i.test(prompt)) {
    if (/Pictographic|Emoji/.test(source)) return null;
    if (careful) {
      const why = 'An emoji should separate words like a space does, before the accents go.';
      return {
        why,
        source: lines(`    .replace(/\\p{Extended_Pictographic}/gu, ' ')`),
        test: emojiTest,
        runsTests: true,
      };
    }
    const pattern = brief ? 'Extended_Pictographic' : 'Emoji';
    return {
      why: 'I take emoji out.',
      source: lines(`    .replace(/\\p{${pattern}}/gu, '')`),
      test: null,
      runsTests: brief,
    };
  }
  if (/accent|fix it/i.test(prompt)) {
    if (source.includes('NFKD')) return null;
    const test = careful ? { ...edits.accentsTest, after: accentsTest } : null;
    return { why: 'Letters are split from their accents first.', source: edits.accents, test, runsTests: careful };
  }
  const before = 'export function slugify';
  const after = `// To do: ${prompt.replace(/\s+/g, ' ').slice(0, 100)}\n${before}`;
  const why = 'The demo’s model knows what to do about accents and emoji only, so I leave a note.';
  return source.includes('// To do:') ? null : { why, source: { before, after }, test: null, runsTests: false };
}

const accentsTest = edits.accentsTest.after.replace(edits.withoutStrasse.before, '');
const emojiTest: Replacement = {
  before: edits.accentsTest.before,
  after: `  it('takes an emoji for a space', () => {
    assert.equal(slugify('tea ☕ time'), 'tea-time');
    assert.equal(slugify('Top 10 ☀'), 'top-10');
  });

${edits.accentsTest.before}`,
};

function taskOf(request: MessagesRequest, file: string): Task {
  const { messages, system, model } = request;
  const turn = messages.findLastIndex((message) => message.role === 'user' && promptOf(message) !== null);
  const after = messages.slice(turn + 1).flatMap(blocksOf);
  const results = new Map(
    after.filter(({ type }) => type === 'tool_result').map((block) => [block.tool_use_id, wordsOf(block.content)]),
  );
  const done = after
    .filter(({ type }) => type === 'tool_use')
    .map(({ id, name, input }) => ({
      name: String(name),
      path: pathIn(input),
      result: results.get(id) ?? '',
    }));
  const effort = (request.output_config as { effort?: unknown } | undefined)?.effort;
  // What a person adds stands at the end, after Claude Code's own.
  const own = wordsOf(system).slice(-300);
  const prompt = promptOf(messages[turn]) ?? '';
  return {
    model,
    prompt,
    system: own,
    effort: typeof effort === 'string' ? effort : null,
    brief: effort === 'low' || /\bone (line|sentence)\b/i.test(`${own}\n${prompt}`),
    file,
    toolResult: null,
    done,
  };
}

/** The words of a prompt, null in a message that is none. */
function promptOf(message: RequestMessage | undefined): string | null {
  const blocks = blocksOf(message);
  if (blocks.some(({ type }) => type === 'tool_result')) return null;
  const words = blocks.filter(({ type }) => type === 'text').map((block) => String(block.text).trim());
  return words.findLast((text) => text !== '' && !text.startsWith('<system-reminder>')) ?? null;
}

const isQuestion = (prompt: string): boolean => /\?|^(why|what|how|is|are|does|which)\b/i.test(prompt);

/** The source file of the sample project: where the conversation names it, else in the folder that Claude Code says it works in. */
function sourceFile({ messages, system }: MessagesRequest): string | null {
  const paths = messages.flatMap(blocksOf).map(({ input }) => pathIn(input));
  const named = paths.findLast((path) => path !== null && /[\\/]src[\\/]slugify\.ts$/.test(path));
  const said = [wordsOf(system), ...messages.map(({ content }) => wordsOf(content))].join('\n');
  const [, folder] = /^ - Primary working directory: (.*\bslug-tools)$/m.exec(said) ?? [];
  return named ?? (folder === undefined ? null : [folder, 'src', 'slugify.ts'].join(folder.includes('/') ? '/' : '\\'));
}

function pathIn(input: unknown): string | null {
  const path = (input as { file_path?: unknown } | null | undefined)?.file_path;
  return typeof path === 'string' ? path : null;
}

const blocksOf = (message: RequestMessage | undefined): Block[] => {
  if (message === undefined) return [];
  return typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
};

function wordsOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return Array.isArray(content)
    ? content.map(({ text }: Block) => (typeof text === 'string' ? text : '')).join('\n')
    : '';
}

const text = (words: string): Block => ({ type: 'text', text: words });
const call = ({ messages }: MessagesRequest, name: string, input: unknown, index = 0): Block => ({
  type: 'tool_use',
  id: `toolu_demo${messages.length}x${index}`,
  name,
  input,
});
