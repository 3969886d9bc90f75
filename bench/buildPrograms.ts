import { cp, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type BuildOptions, build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');

/**
 * Bundles the programs of `bench/programs`, which use the product's sources, as the product itself is bundled. They lie among
 * copies of the product's files, because the reader's thread is looked for beside the code that starts it.
 * @returns the folder
 */
export async function buildPrograms(folder: string, dist: string): Promise<string> {
  const { inChunks } = (await import(path.join(root, 'scripts/bundleOptions.mjs'))) as { inChunks: BuildOptions };
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(dist))
    if (name.endsWith('.js')) await cp(path.join(dist, name), path.join(folder, name));
  const names = (await readdir(path.join(import.meta.dirname, 'programs'))).filter((name) => name.endsWith('.ts'));
  await build({
    ...inChunks,
    entryPoints: names.map((name) => `bench/programs/${name}`),
    outdir: folder,
    sourcemap: false,
    chunkNames: 'program-[hash]',
  });
  return folder;
}
