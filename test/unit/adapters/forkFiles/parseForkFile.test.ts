import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { forkSchemaText } from '../../../../scripts/makeForkSchema.ts';
import { parseForkFile } from '../../../../src/adapters/forkFiles/parseForkFile.ts';
import { BadInputError } from '../../../../src/core/errors.ts';
import { executorOf } from '../../../../src/core/fork/forkRequest.ts';

interface Given {
  env?: Record<string, string>;
  files?: Record<string, string>;
  overrides?: Record<string, unknown>;
}

const parse = (text: string, { env = {}, files = {}, overrides }: Given = {}) =>
  parseForkFile({
    text,
    name: 'a.fork.yaml',
    env,
    overrides,
    readPrompt: async (path) => {
      const file = files[path];
      if (file === undefined) throw new BadInputError(`Can't read the prompt ${path}.`, 'Check the path.');
      return file;
    },
  });

async function problemsOf(
  text: string,
  given?: Given,
): Promise<{ path: string; line: number | null; message: string }[]> {
  const error = await parse(text, given).then(
    () => new Error('it was accepted'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BadInputError);
  const { details, message } = error as BadInputError;
  const { problems } = details as { problems: { path: string; line: number | null; message: string }[] };
  expect(message).toContain(problems[0]?.message);
  return problems;
}

const whole = `
session: 3f2a
at: { turn: 3 }
prompt: Now handle emoji
engine: temporal
tools: stop
maxSteps: 5
budgetUsd: 2.00
timeoutSeconds: 60
branches:
  - { name: as recorded }
  - { name: cheaper, model: claude-haiku-4-5, repeats: 3 }
  - { name: terse, system: { append: "Answer in one sentence." }, effort: low, maxTokens: 2000 }
matrix: { model: [a, b], effort: [low, high] }
`;

describe('a fork file', () => {
  it('says everything that a fork can be', async () => {
    const request = await parse(whole);
    expect(request).toMatchObject({
      session: '3f2a',
      at: { turn: 3 },
      prompt: 'Now handle emoji',
      engine: 'temporal',
      tools: 'stop',
      maxSteps: 5,
      budgetUsd: 2,
      timeoutSeconds: 60,
    });
    expect(request.branches).toEqual([
      { name: 'as recorded', repeats: 1 },
      { name: 'cheaper', model: 'claude-haiku-4-5', repeats: 3 },
      { name: 'terse', system: { append: 'Answer in one sentence.' }, effort: 'low', maxTokens: 2000, repeats: 1 },
      { name: 'a, low', model: 'a', effort: 'low', repeats: 1 },
      { name: 'a, high', model: 'a', effort: 'high', repeats: 1 },
      { name: 'b, low', model: 'b', effort: 'low', repeats: 1 },
      { name: 'b, high', model: 'b', effort: 'high', repeats: 1 },
    ]);
  });

  it('may be JSON, and may have a matrix alone', async () => {
    const text = JSON.stringify({
      session: 's',
      at: { before: 'u1' },
      matrix: { model: ['a'], prompt: ['One?', 'Two?'] },
    });
    expect((await parse(text)).branches.map(({ name, prompt }) => [name, prompt])).toEqual([
      ['a, prompt 1', 'One?'],
      ['a, prompt 2', 'Two?'],
    ]);
  });

  it('gives way to what the command line says', async () => {
    const request = await parse(whole, { overrides: { engine: 'in-process', at: { turn: 1 } } });
    expect(request).toMatchObject({ engine: 'in-process', at: { turn: 1 }, tools: 'stop' });
  });

  it('takes variables from the environment, of the type that stands there', async () => {
    const text = [
      'session: ${SESSION}',
      'at: { turn: ${TURN:-2} }',
      'budgetUsd: ${BUDGET:-1.5}',
      'prompt: "${WHO:-Sam}, what does $${HOME} mean?"',
      'branches: [{ name: x, model: ${MODEL} }]',
      '# a comment with ${NOTHING}',
    ].join('\n');
    const env = { SESSION: 'abc', MODEL: 'claude-x', BUDGET: '', TURN: '7' };
    expect(await parse(text, { env })).toMatchObject({
      session: 'abc',
      at: { turn: 7 },
      budgetUsd: 1.5,
      prompt: 'Sam, what does ${HOME} mean?',
      branches: [{ model: 'claude-x' }],
    });
    expect(await problemsOf(text, { env: { MODEL: 'claude-x' } })).toEqual([
      { path: '', line: 1, message: expect.stringContaining('SESSION is not set') },
    ]);
  });

  it('can’t be changed in its structure by a variable', async () => {
    const env = { PROMPT: 'a\nengine: temporal\n# "' };
    const request = await parse('session: s\nat: { turn: 1 }\nprompt: ${PROMPT}\nbranches: [{ name: x }]', { env });
    expect(request).toMatchObject({ engine: 'in-process', prompt: env.PROMPT });
  });

  it('takes ids for texts, also those that look like numbers', async () => {
    const rest = 'branches: [{ name: x }]';
    expect(await parse(`session: 12e4\nat: { before: 0700 }\n${rest}`)).toMatchObject({
      session: '12e4',
      at: { before: '0700' },
    });
    expect(await parse(`session: ${'${ID}'}\nat: { turn: 1 }\n${rest}`, { env: { ID: '1234' } })).toMatchObject({
      session: '1234',
    });
  });

  it('reads prompts from files, and takes @@ for an @', async () => {
    const text =
      'session: s\nat: { turn: 1 }\nprompt: "@p.md"\nbranches:\n  - { name: x, prompt: "@@sam, hello" }\n  - { name: y, prompt: "@q.md" }';
    const request = await parse(text, { files: { 'p.md': 'From p.', 'q.md': 'From q.' } });
    expect([request.prompt, ...request.branches.map(({ prompt }) => prompt)]).toEqual([
      'From p.',
      '@sam, hello',
      'From q.',
    ]);
    expect(await problemsOf(text, { files: { 'p.md': 'From p.' } })).toMatchObject([
      { path: 'branches.1.prompt', line: 6, message: "Can't read the prompt q.md." },
    ]);
  });
});

describe('a fork file is refused, with path and line, for', () => {
  const head = 'session: s\nat: { turn: 1 }\n';
  const one = 'branches: [{ name: x }]\n';

  it.each([
    ['an unknown key', `${head}colour: red\n${one}`, 'colour', 3, /no key "colour"/],
    [
      'an unknown key of a branch',
      `${head}branches:\n  - name: x\n    modell: y\n`,
      'branches[0].modell',
      5,
      /no key "modell"/,
    ],
    ['a wrong type', `${head}maxSteps: many\n${one}`, 'maxSteps', 3, /^Write a number here\.$/],
    [
      'a wrong word',
      `${head}branches:\n  - name: x\n  - name: y\n    effort: huge\n`,
      'branches[1].effort',
      6,
      /"low"/,
    ],
    ['an empty list (fault 34)', `${head}branches: []\n`, 'branches', 3, /at least one/],
    ['an empty list in the matrix', `${head}matrix:\n  model: []\n`, 'matrix.model', 4, /at least one/],
    ['no branches at all (fault 34)', head, 'branches', 1, /at least one/],
    ['a duplicate name (fault 34)', `${head}branches:\n  - name: x\n  - name: x\n`, 'branches[1].name', 5, /"x"/],
    [
      'a duplicate name of a check',
      `${head}${one}checks:\n  - { name: t, run: a }\n  - { name: t, run: b }\n`,
      'checks[1].name',
      6,
      /Two checks are called "t"/,
    ],
    ['half a step', `${head}maxSteps: 2.5\n${one}`, 'maxSteps', 3, /^Write a whole number here\.$/],
    ['an empty check', `${head}${one}checks: [{ name: "", run: a }]\n`, 'checks[0].name', 4, /^Write a text here/],
    ['too long a time', `${head}timeoutSeconds: 90000\n${one}`, 'timeoutSeconds', 3, /up to 86400\.$/],
    ['a command in place of a list', `${head}setup: npm ci\n${one}`, 'setup', 3, /^Write a list here\.$/],
    ['no session', `at: { turn: 1 }\n${one}`, 'session', 1, /missing/],
    ['a point that is none', `session: s\nat: { trun: 1 }\n${one}`, 'at', 2, /turn: N/],
    ['a turn 0', `session: s\nat: { turn: 0 }\n${one}`, 'at.turn', 2, /^Give a number above 0\.$/],
    ['a budget of nothing', `${head}budgetUsd: 0\n${one}`, 'budgetUsd', 3, /0/],
    ['broken YAML', `${head}branches: [\n`, '', null, /./],
    ['a list in place of a file', '- a\n- b\n', '', 1, /keys such as/],
    [
      'aliases without end',
      `a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n`,
      '',
      null,
      /alias/i,
    ],
    ['nothing', '', '', 1, /keys such as/],
  ])('%s', async (_what, text, path, line, message) => {
    const [problem] = await problemsOf(text);
    expect(problem?.path).toBe(path);
    if (line !== null) expect(problem?.line).toBe(line);
    expect(problem?.message).toMatch(message);
  });

  it('says nothing in the words of its parser', async () => {
    const odd = `session: 3
at: { turn: 1.5 }
engine: x
budgetUsd: -1
cache: 1
place: x
files: -x
include: [""]
branches: [{ name: x, repeats: 100, maxTokens: a, effort: z, thinking: 3, system: 3 }, 4]
`;
    const problems = await problemsOf(odd);
    expect(problems.length).toBeGreaterThan(10);
    for (const { message } of problems)
      expect(message).not.toMatch(/expected|received|invalid|too (small|big)|pattern/i);
  });

  it.each(['HEAD~1', 'v1.0^{commit}', 'main@{1 day ago}', ':/fix the parser'])(
    'no revision such as %s',
    async (files) => {
      expect(await parse(`${head}${one}files: ${JSON.stringify(files)}\n`)).toMatchObject({ files });
      const [problem] = await problemsOf(`${head}${one}files: "-${files}"\n`);
      expect(problem).toMatchObject({ path: 'files', message: expect.stringContaining('begins with "-"') });
    },
  );

  it('names all problems at once', async () => {
    expect(await problemsOf('session: s\nat: { turn: 1 }\nfoo: 1\nbar: 2\nbranches: []\n')).toHaveLength(3);
  });

  it('a matrix of too many branches, without making them', async () => {
    const many = `[${Array.from({ length: 100 }, (_, index) => `m${index}`).join(', ')}]`;
    const matrix = `matrix: { model: ${many}, prompt: ${many}, system: [${'{append: a},'.repeat(99)}{append: b}] }\n`;
    const [problem] = await problemsOf(`${head}${matrix}`);
    expect(problem).toMatchObject({ path: 'matrix', line: 3, message: expect.stringContaining('200') });
  });
});

describe('who answers', () => {
  const settings = (yaml: string) => parse(`session: 3f2a\nat: { turn: 3 }\nbranches: [{ name: a }]\n${yaml}`);

  it('is what the file says, whatever else it has', async () => {
    expect(executorOf(await settings('executor: api\nchecks: [{ name: t, run: npm test }]'), 'claude-code')).toBe(
      'api',
    );
  });

  it('is Claude Code where an option of its own is given', async () => {
    for (const option of ['place: worktree', 'files: now', 'setup: [npm ci]', 'maxTurns: 3']) {
      expect(executorOf(await settings(option), 'api')).toBe('claude-code');
    }
  });

  it('is what is there otherwise', async () => {
    expect(executorOf(await settings('tools: stop'), 'api')).toBe('api');
    expect(executorOf(await settings(''), 'claude-code')).toBe('claude-code');
  });
});

describe('the JSON schema of fork files', () => {
  it('is the one that files are checked with (node scripts/makeForkSchema.ts writes it)', () => {
    const file = readFileSync(new URL('../../../../schemas/fork.schema.json', import.meta.url), 'utf8');
    expect(JSON.parse(file)).toEqual(JSON.parse(forkSchemaText()));
  });
});
