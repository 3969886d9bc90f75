import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliBench } from '../support/cli.ts';

const root = path.resolve(import.meta.dirname, '../..');
/** Says at the end which of Node's own modules were loaded. */
const reporter = "process.on('exit', () => console.error(JSON.stringify(process.moduleLoadList)));";

let folder = '';
let bench: CliBench;

// Bundled as it ships: what a start loads is decided there.
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-start-'));
  await cp(path.join(root, 'package.json'), path.join(folder, 'package.json'));
  const { inChunks } = (await import(path.join(root, 'scripts/bundleOptions.mjs'))) as { inChunks: BuildOptions };
  const outdir = path.join(folder, 'dist');
  await build({ ...inChunks, outdir, sourcemap: false, entryPoints: { cli: 'src/cli/main.ts' } });
  bench = await CliBench.make(path.join(outdir, 'cli.js'));
  await mkdir(path.join(bench.home, 'claude'));
});
afterAll(async () => {
  await bench.remove();
  await rm(folder, { recursive: true, force: true });
});

describe('the start of the command line', () => {
  it.each([[['--version']], [['list', '--json', '--claude-dir', '../claude']]])(
    '%j loads no module for other commands',
    async (args) => {
      const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(reporter)}`;
      const { code, stderr, stdout } = await bench.run(args, { env: { NODE_OPTIONS } });
      expect(code, stderr).toBe(0);
      expect(stdout).not.toBe('');
      const loaded = JSON.parse(stderr) as string[];
      for (const name of ['child_process', 'http', 'worker_threads'])
        expect(loaded).not.toContain(`NativeModule ${name}`);
    },
  );
});
