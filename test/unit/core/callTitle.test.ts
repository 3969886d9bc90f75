import { expect, it } from 'vitest';
import { callSubject, callTitle } from '../../../src/core/callTitle.ts';

it.each([
  [{ command: 'npm test', description: 'Run the tests' }, 'T  npm test'],
  [{ file_path: '/work/app/src/a.ts', old_string: 'x' }, 'T  src/a.ts'],
  [{ file_path: '/work/app-two/a.ts' }, 'T  /work/app-two/a.ts'],
  [{ notebook_path: '/work/app/n.ipynb' }, 'T  n.ipynb'],
  [{ command: 'cat <<E\nx\nE' }, 'T  cat <<E …'],
  [{ file_path: ' ', url: 'https://a.test' }, 'T  https://a.test'],
  [{ file_path: 7 }, 'T'],
  [null, 'T'],
  ['text', 'T'],
])('%j is titled %s', (input, title) => {
  expect(callTitle({ name: 'T', input }, '/work/app/')).toBe(title);
});

it('says which member tells', () => {
  expect(callSubject({ description: 'Look around', prompt: 'Look' })).toEqual({
    key: 'description',
    text: 'Look around',
  });
});
