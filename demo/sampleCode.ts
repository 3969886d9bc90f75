// The code of the sample project at the moments of the sample session. Made up for this purpose.

const first = `export function slugify(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
`;

const firstTests = `import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { slugify } from '../src/slugify.ts';

describe('slugify', () => {
  it('joins words', () => {
    assert.equal(slugify('Hello, World!'), 'hello-world');
  });

  it('keeps digits', () => {
    assert.equal(slugify('Top 10 tips'), 'top-10-tips');
  });

  it('has no hyphen at either end', () => {
    assert.equal(slugify('  (really)  '), 'really');
  });
});
`;

/** A piece of code and what takes its place. */
export interface Replacement {
  before: string;
  after: string;
}

/** The edits of the session. */
export const edits = {
  accents: {
    before: `    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')`,
    after: `    .normalize('NFKD')
    .replace(/\\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')`,
  },
  accentsTest: {
    before: `  it('joins words', () => {`,
    after: `  it('keeps letters without their accents', () => {
    assert.equal(slugify('Crème brûlée'), 'creme-brulee');
    assert.equal(slugify('Straße'), 'strasse');
  });

  it('joins words', () => {`,
  },
  withoutStrasse: { before: `    assert.equal(slugify('Straße'), 'strasse');\n`, after: '' },
  emoji: {
    before: `    .normalize('NFKD')`,
    after: `    .replace(/\\p{Extended_Pictographic}/gu, ' ')
    .normalize('NFKD')`,
  },
} satisfies Record<string, Replacement>;

const edited = (code: string, ...steps: Replacement[]): string =>
  steps.reduce((text, { before, after }) => text.replace(before, () => after), code);

const accented = edited(first, edits.accents);

/** What the two files hold as committed, after the accents, and after the emoji. */
export const code = {
  source: { committed: first, accents: accented, emoji: edited(accented, edits.emoji) },
  tests: {
    committed: firstTests,
    withStrasse: edited(firstTests, edits.accentsTest),
    accents: edited(firstTests, edits.accentsTest, edits.withoutStrasse),
  },
};

export const packageJson = `${JSON.stringify(
  { name: 'slug-tools', private: true, type: 'module', scripts: { test: 'node --test' } },
  null,
  2,
)}\n`;

/** Forks that are made in the editor are checked by the project's tests, too. */
export const editorSettings = `${JSON.stringify({ 'forkpoint.checks': [{ name: 'tests', run: 'npm test' }] }, null, 2)}\n`;
