// Writes the sample session under demo/claude. Run it after a change: `node demo/makeSession.ts`.
// The project, its code and all that is said in it are made up for this purpose.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { code, edits, type Replacement } from './sampleCode.ts';
import { type Block, TranscriptWriter } from './transcriptWriter.ts';

const cwd = '/home/sam/slug-tools';
const sessionId = '7d3c1f52-9a64-4c0e-8b1d-5e2f60a4c913';

const sonnet = 'claude-sonnet-4-5';
const opus = 'claude-opus-4-5';

const text = (words: string): Block => ({ type: 'text', text: words });
const numbered = (code: string): string =>
  code
    .trimEnd()
    .split('\n')
    .map((line, index) => `${index + 1}\t${line}`)
    .join('\n');

const read = (file: string, code: string) => ({
  content: numbered(code),
  toolUseResult: { type: 'text', file: { filePath: file, content: code, numLines: code.trimEnd().split('\n').length } },
});
const edited = (file: string, originalFile: string, { before, after }: Replacement) => ({
  content: `The file ${file} has been updated.`,
  toolUseResult: { filePath: file, oldString: before, newString: after, originalFile, structuredPatch: [] },
});
/** What an edit is called with. */
const replacing = (file: string, { before, after }: Replacement) => ({
  file_path: file,
  old_string: before,
  new_string: after,
});
const ran = (stdout: string) => ({ content: stdout, toolUseResult: { stdout, stderr: '', interrupted: false } });
const failed = (output: string) => ({
  content: `Exit code 1\n${output}`,
  isError: true,
  toolUseResult: `Error: Exit code 1\n${output}`,
});

const property = (description: string) => ({ type: 'string', description });
const tool = (name: string, description: string, properties: Record<string, unknown>) => ({
  name,
  description,
  input_schema: { type: 'object', properties, required: Object.keys(properties) },
});

const source = `${cwd}/src/slugify.ts`;
const tests = `${cwd}/test/slugify.test.ts`;
let calls = 0;
const call = (name: string, input: unknown): Block => {
  calls += 1;
  return { type: 'tool_use', id: `toolu_slug${String(calls).padStart(2, '0')}`, name, input };
};
const writer = new TranscriptWriter({
  sessionId,
  cwd,
  version: '2.1.329',
  gitBranch: 'main',
  startsAt: '2026-11-18T09:12:04.000Z',
  system: [
    text('You are a careful programming assistant in a terminal.'),
    text(
      [
        'Work in the repository that the reminder names. Read a file before you change it, keep changes small, and run the tests after them.',
        'Answer in plain sentences. Name files by their path below the repository.',
      ].join('\n'),
    ),
  ],
  tools: [
    tool('Read', 'Reads a file of the repository with line numbers.', {
      file_path: property('Absolute path of the file.'),
    }),
    tool('Edit', 'Replaces a piece of text in a file, which must occur exactly once.', {
      file_path: property('Absolute path of the file.'),
      old_string: property('The text to replace.'),
      new_string: property('The text to put in its place.'),
    }),
    tool('Bash', 'Runs a command in the repository.', {
      command: property('The command.'),
      description: property('What it does, in a few words.'),
    }),
  ],
  reminder: `<system-reminder>\nRepository: ${cwd}, branch main, clean. Node 24, node:test.\n</system-reminder>`,
});

const runTests = { command: 'npm test', description: 'Run the tests' };

writer.prompt('Why does slugify drop accents? slugify("Crème brûlée") gives "cr-me-br-l-e".', sonnet);
writer.reply(
  [text('I’ll look at the function first.'), call('Read', { file_path: source })],
  [read(source, code.source.committed)],
);
writer.reply([
  text(
    [
      'Because of line 4 of src/slugify.ts.',
      'It replaces everything outside a–z and 0–9 by a hyphen, and “è” is a letter outside of that range, so it is treated like a space.',
      'Nothing takes the accent off before that.',
      '',
      'Splitting each letter from its accent first (Unicode form NFKD) and dropping the accents would give “creme-brulee”.',
    ].join('\n'),
  ),
]);

writer.note({ type: 'ai-title', aiTitle: 'Fix the slugify edge cases' });

writer.prompt('Fix it and add a test.', sonnet);
writer.reply(
  [
    text('First the function, then a test for it.'),
    call('Edit', replacing(source, edits.accents)),
    call('Edit', replacing(tests, edits.accentsTest)),
  ],
  [edited(source, code.source.committed, edits.accents), edited(tests, code.tests.committed, edits.accentsTest)],
);
writer.reply(
  [call('Bash', runTests)],
  [
    failed(
      [
        '✖ keeps letters without their accents',
        "  AssertionError: 'stra-e' !== 'strasse'",
        '✔ joins words',
        'ℹ pass 3',
        'ℹ fail 1',
      ].join('\n'),
    ),
  ],
);
writer.reply(
  [
    text(
      'The accents work. “ß” is a letter of its own, which no normal form takes apart, so that line of my test asked for more than you did; I’ll take it out.',
    ),
    call('Edit', replacing(tests, edits.withoutStrasse)),
    call('Bash', runTests),
  ],
  [edited(tests, code.tests.withStrasse, edits.withoutStrasse), ran('ℹ pass 4\nℹ fail 0')],
);
writer.reply([
  text(
    'slugify("Crème brûlée") is now "creme-brulee", and a test keeps it so. All 4 tests pass. “ß” still becomes a hyphen.',
  ),
]);

const beforeEmoji = writer.mark();
writer.prompt('Try a table of replacements instead', sonnet);
writer.reply([
  text(
    'A table would also cover “ß” → “ss” and “ø” → “o”, but it has to be kept by hand: Unicode has some hundred such letters. I would keep the normal form and add a table of five or six letters only if you need them.',
  ),
]);
writer.rewindTo(beforeEmoji);

writer.prompt('Now handle emoji', opus);
writer.reply(
  [text('I’ll start by reading the function as it is now.'), call('Read', { file_path: source })],
  [read(source, code.source.accents)],
);
writer.reply(
  [
    text(
      'An emoji should separate words like a space does. That has to happen before the accents go, because some emoji carry marks of their own.',
    ),
    call('Edit', replacing(source, edits.emoji)),
    call('Bash', runTests),
  ],
  [edited(source, code.source.accents, edits.emoji), ran('ℹ pass 4\nℹ fail 0')],
);
writer.reply([
  text(
    [
      'Emoji now count as a space: slugify("tea 🍵 time") is "tea-time".',
      'src/slugify.ts replaces every pictograph before it takes the accents off.',
      'The 4 tests pass, but none of them has an emoji in it yet.',
      'Flags and keycaps are made of other characters; they become hyphens as before.',
    ].join('\n'),
  ),
]);

writer.prompt('Is a regex the right tool for this, or should it be Intl.Segmenter? Two sentences.', opus);
writer.reply([
  text(
    'For slugs the regex is enough: it only has to know what is not a letter or a digit, and it needs no notion of where a visible character ends. Intl.Segmenter would pay off if you had to count or cut visible characters, for example to limit a slug’s length without halving a family emoji.',
  ),
]);

/** The whole transcript. A unit test compares it with the file. */
export const sampleText = writer.finish(
  'Is a regex the right tool for this, or should it be Intl.Segmenter? Two sentences.',
);
/** Where the sample lies, below the checkout. */
export const sampleFile = `demo/claude/projects/${cwd.replace(/[^a-zA-Z0-9]/g, '-')}/${sessionId}.jsonl`;

if (import.meta.main) {
  const file = path.join(import.meta.dirname, '..', sampleFile);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, sampleText);
}
