import { copyFile, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Job, peerProgram } from '../bench.ts';
import { cachedCorpus } from '../corpus/cachedCorpus.ts';
import { largeSession } from '../corpus/corpora.ts';
import { largeOf } from '../corpus/largeOf.ts';
import { beside, runNode } from '../measure.ts';
import { callRow, mb } from '../table.ts';

/** A session of 300 MB that is open grows by a line. */
export const appendJob: Job = {
  name: 'append',
  async run(bench) {
    const corpus = await cachedCorpus(`large-session-${bench.scale}`, largeSession(bench.scale));
    const large = largeOf(corpus);
    const dir = path.join(bench.scratch, 'append');
    const copy = path.join(dir, large.file);
    await mkdir(path.dirname(copy), { recursive: true });
    await copyFile(large.path, copy);
    const [ours, peer] = await beside(bench.rounds, [
      async () => {
        await copyFile(large.path, copy);
        return runNode([bench.program('appendLine'), copy, '5'], bench.env(dir));
      },
      () => runNode([peerProgram('getSessionMessages'), bench.sdk, large.sessionId, 'again'], bench.env(dir)),
    ]);
    await rm(dir, { recursive: true });
    const { firstMs } = JSON.parse(ours.stdout.trimEnd().split('\n').at(-1) ?? '') as { firstMs: number };
    const job = `one line appended to ${mb(large.bytes)}`;
    const callMs = ours.callMs ?? 0;
    return [
      callRow(job, callMs, 'getSessionMessages again', peer.callMs ?? 0, 0.01),
      callRow(job, callMs, 'our own first reading', firstMs, null),
    ];
  },
};
