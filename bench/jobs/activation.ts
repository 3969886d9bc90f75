import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Job } from '../bench.ts';

/** What activation loads: the entry point and the chunks that it imports statically. */
export const activationJob: Job = {
  name: 'activation',
  async run(bench) {
    const dist = path.dirname(bench.cli);
    const seen = new Set<string>();
    const visit = async (file: string): Promise<void> => {
      if (seen.has(file)) return;
      seen.add(file);
      const source = await readFile(path.join(dist, file), 'utf8');
      for (const [, chunk] of source.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) if (chunk) await visit(chunk);
    };
    await visit('extension.js');
    const sizes = await Promise.all([...seen].map(async (file) => (await stat(path.join(dist, file))).size));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const row = {
      job: 'activation bundle',
      ours: `${(bytes / 1e3).toFixed(0)} kB in ${seen.size} files`,
      peer: '',
      ratio: '',
      goal: '≤ 500 kB',
      reached: bytes <= 500_000,
    };
    return [row];
  },
};
