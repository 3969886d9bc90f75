import type { Job } from '../bench.ts';
import { ms, times } from '../table.ts';
import { runProgram } from './engines.ts';

const files = 100_000;

/** How soon a branch has a place to work in, beside the way that others take. */
export const placeReadyJob: Job = {
  name: 'place-ready',
  run({ rounds, scale }) {
    const program = ['placeReady', String(Math.min(rounds, 3)), String(files * scale)] as const;
    const { ourMs, worktreeMs, disk } = runProgram<{ ourMs: number; worktreeMs: number; disk: number }>(...program);
    const what = `of ${files * scale} files`;
    return Promise.resolve([
      {
        job: `place ready, repository ${what}`,
        ours: ms(ourMs),
        peer: `git worktree add ${ms(worktreeMs)}`,
        ratio: `${times(ourMs / worktreeMs)} time`,
        goal: '≤ 0.05 × time',
        reached: ourMs / worktreeMs <= 0.05,
      },
      {
        job: `place on disk, repository ${what}`,
        ours: times(disk),
        peer: 'the bytes that were changed',
        ratio: times(disk),
        goal: '≤ 1.2 ×',
        reached: disk <= 1.2,
      },
    ]);
  },
};
