import { describe, expect, it } from 'vitest';
import { withCommandFirst } from '../../../src/cli/globalOptions.ts';

describe('options before the command', () => {
  it.each([
    ['list --json', 'list --json'],
    ['--json list', 'list --json'],
    ['--claude-dir A --json list --limit 3', 'list --limit 3 --claude-dir A --json'],
    ['--claude-dir=A --claude-dir B list', 'list --claude-dir=A --claude-dir B'],
    ['--json temporal status', 'temporal status --json'],
    ['--demo --json fork S --turn 2', 'fork S --turn 2 --demo --json'],
    ['--json exec R B -- ls --json', 'exec R B --json -- ls --json'],
    ['--json', '--json'],
    ['--json --help', '--json --help'],
    ['--claude-dir', '--claude-dir'],
    ['--nonsense list', '--nonsense list'],
    ['', ''],
  ])('%s → %s', (given, expected) => {
    const words = (text: string) => text.split(' ').filter((word) => word !== '');
    expect(withCommandFirst(words(given))).toEqual(words(expected));
  });
});
