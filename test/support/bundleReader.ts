import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '../..');

/**
 * Bundles a reader's thread as the product is bundled: Node can't start one from its sources.
 * @param source of the thread, which may import from `./src/…`; default: the product's own
 * @returns what to start it from
 */
export async function bundleReader(
  folder: string,
  source = "import './src/adapters/reader/readerThread.ts';",
): Promise<URL> {
  const outfile = path.join(folder, 'reader.mjs');
  await build({
    absWorkingDir: root,
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
    outfile,
    bundle: true,
    keepNames: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
    banner: { js: "import{createRequire as make}from'node:module';var require=make(import.meta.url);" },
  });
  return pathToFileURL(outfile);
}
