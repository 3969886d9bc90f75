import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../../..');
/** Names of folders and files that Claude Code gives, as a text of their own or within a path. */
const spelled =
  /['"`/\]](?:projects|subagents|tool-results|file-history|\.claude|custom-title\.json)(?=['"`/[])|\.meta\.json|['"`^]agent-(?!started|waiting|turn-ended)/;
const comment = /^\s*(?:\/\/|\/?\*)/;

/** Where they stand too, and why. */
const exceptions: Record<string, string> = {
  'src/adapters/dataFolders.ts': 'the usual config folder, asked for before anything of Claude Code’s is loaded',
  'src/core/agent/setupOffers.ts': 'core imports no adapters; a file of the project, not of the config folder',
  'src/views/sessionTree/continueInClaudeCode.ts': 'views import no adapters',
};

it('the names of Claude Code’s folders and files are spelled in one place', () => {
  const files = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((file) => path.posix.join('src', ...file.split(path.sep)))
    .filter((file) => file.endsWith('.ts') && !file.startsWith('src/adapters/claudeCode/'));
  const found = files.flatMap((file) => {
    const lines = readFileSync(path.join(root, file), 'utf8').split('\n');
    return lines.some((line) => !comment.test(line) && spelled.test(line)) ? file : [];
  });
  expect(found.sort()).toEqual(Object.keys(exceptions));
});
