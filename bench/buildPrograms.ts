import { cp, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');

/**
 * Bundles the programs of `bench/programs`, which use the product's sources, as the product itself is bundled. They lie among
 * copies of the product's files, because the reader's thread is looked for beside the code that starts it.
 * @returns the folder
 */
export async function buildPrograms(folder: string, dist: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(dist))
    if (name.endsWith('.js')) await cp(path.join(dist, name), path.join(folder, name));
  const names = (await readdir(path.join(import.meta.dirname, 'programs'))).filter((name) => name.endsWith('.ts'));
  await build({
    absWorkingDir: root,
    entryPoints: names.map((name) => `bench/programs/${name}`),
    outdir: folder,
    bundle: true,
    splitting: true,
    minify: true,
    keepNames: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
    chunkNames: 'program-[hash]',
    banner: {
      js: "import{createRequire as __benchRequire}from'node:module';var require=__benchRequire(import.meta.url);",
    },
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
  });
  return folder;
}
