// `node scripts/package.ts [--universal | --platform]`: makes the VSIX files in artifacts/ and prints their sizes.
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { createVSIX } from '@vscode/vsce';
import { run } from './tools/run.ts';

const root = path.resolve(import.meta.dirname, '..');
const artifacts = path.join(root, 'artifacts');

export type PackageKind = 'universal' | 'platform';

/**
 * Packs what is built in dist/. `platform` holds the Temporal worker with its native core for this machine's platform,
 * `universal` runs everywhere and offers the in-process engine.
 * @returns the VSIX file's path
 */
export async function packageExtension(kind: PackageKind): Promise<string> {
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string };
  const target = `${process.platform}-${process.arch}`;
  const name = kind === 'platform' ? `forkpoint-${target}-${version}.vsix` : `forkpoint-${version}.vsix`;
  const packagePath = path.join(artifacts, name);
  await mkdir(artifacts, { recursive: true });
  await rm(packagePath, { force: true });
  await createVSIX({
    cwd: root,
    packagePath,
    dependencies: false,
    allowMissingRepository: true,
    // The README's picture is in the package; there is no repository address to rewrite it to.
    rewriteRelativeLinks: false,
    ...(kind === 'platform' ? { target } : { ignoreFile: await universalIgnoreFile() }),
  });
  return packagePath;
}

async function universalIgnoreFile(): Promise<string> {
  const lines = (await readFile(path.join(root, '.vscodeignore'), 'utf8')).split('\n');
  const worker = lines.findIndex((line) => line.startsWith('# Temporal worker'));
  if (worker === -1) throw new Error('.vscodeignore has lost its line "# Temporal worker".');
  const file = path.join(artifacts, 'universal.vscodeignore');
  await writeFile(file, lines.slice(0, worker).join('\n'));
  return file;
}

async function main(): Promise<void> {
  console.log((await run(process.execPath, [path.join(root, 'esbuild.mjs')], { cwd: root })).trimEnd());
  const chosen = (['universal', 'platform'] as const).filter((kind) => process.argv.includes(`--${kind}`));
  for (const kind of chosen.length > 0 ? chosen : (['universal', 'platform'] as const)) {
    const file = await packageExtension(kind);
    const megabytes = ((await stat(file)).size / 1e6).toFixed(1);
    console.log(`${path.relative(root, file)}: ${megabytes} MB`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
