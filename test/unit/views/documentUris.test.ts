import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { branchIdSchema, runIdSchema } from '../../../src/core/ids.ts';
import { branchUri, parseBranchUri, parseTurnUri, turnUri } from '../../../src/views/documentUris.ts';

const run = runIdSchema.parse('r-1');
const branch = branchIdSchema.parse('b1-1');

describe('document URIs', () => {
  it('come back as they went', () => {
    expect(parseTurnUri(turnUri('Title', { file: '/a b?#.jsonl', turn: 3 }).query)).toEqual({
      file: '/a b?#.jsonl',
      turn: 3,
    });
    expect(parseBranchUri(branchUri('Run', 'cheaper', { run, branch }).query)).toEqual({ run, branch });
    expect(parseBranchUri(branchUri('Run', 'recorded', { run, branch: 'recorded' }).query)).toEqual({
      run,
      branch: 'recorded',
    });
  });

  it.each(['', '{', 'null', '{"run":"../etc","branch":"b"}', '{"file":"","turn":1}', '{"file":"/a","turn":0}'])(
    'refuse %j',
    (query) => {
      expect([parseTurnUri(query), parseBranchUri(query)]).toEqual([null, null]);
    },
  );

  it('keep titles inside one segment of the path', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (title) => {
        const { path } = branchUri(title, title, { run, branch });
        expect(path.split('/')).toHaveLength(3);
        expect(path).not.toMatch(/\/\.{0,2}(\/|$)/);
      }),
    );
  });
});
