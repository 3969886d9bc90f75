// The programs that tests and `npm start` need but that are too big for dependencies.
// `node scripts/tools.ts [NAME…]` fetches them (default: all that the tests need).
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureChromium, findChromium } from './tools/chromium.ts';
import { ensureNpmTool, hasNpmTool } from './tools/npmTool.ts';
import { MissingToolError } from './tools/run.ts';
import { ensureS3Server, findS3Server } from './tools/s3Server.ts';
import { ensureTemporal, findTemporal } from './tools/temporalCli.ts';
import { npmToolFolder, pins } from './tools/toolsFolder.ts';

const neededByTests = [
  'chromium',
  'code-server',
  'temporal',
  's3-server',
  ...Object.keys(pins.npm).filter((name) => name.startsWith('claude-')),
];

/**
 * Absolute path of a tool that is installed: `chromium`, `temporal`, `s3-server`, or a name in scripts/tools.json.
 * @throws MissingToolError that says how to get it
 */
export function toolPath(name: string): string {
  const file = find(name);
  if (!file) throw new MissingToolError(`${name} isn't installed. Run: npm run tools ${name}`);
  return file;
}

function find(name: string): string | null {
  if (name === 'chromium') return findChromium();
  if (name === 'temporal') return findTemporal();
  if (name === 's3-server') return findS3Server();
  const tool = pins.npm[name];
  if (!tool)
    throw new Error(
      `No tool is called ${name}. There are: chromium, temporal, s3-server, ${Object.keys(pins.npm).join(', ')}.`,
    );
  return hasNpmTool(tool) ? path.join(npmToolFolder(tool), tool.file) : null;
}

/**
 * Installs what is missing of these tools, one after the other, and goes on where one can't be had.
 * @returns the names of those that are missing still; each was explained in one line
 */
export async function ensureTools(names: readonly string[] = neededByTests): Promise<string[]> {
  const missing: string[] = [];
  for (const name of names) {
    if (find(name)) continue;
    try {
      const tool = pins.npm[name];
      if (tool) await ensureNpmTool(name, tool);
      else if (name === 'chromium') await ensureChromium();
      else if (name === 'temporal') await ensureTemporal();
      else await ensureS3Server();
    } catch (error) {
      missing.push(name);
      const message = error instanceof Error ? error.message : String(error);
      console.error(
        error instanceof MissingToolError ? `  ${message}` : `  ${name} could not be installed. ${message}`,
      );
    }
  }
  return missing;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const names = process.argv.slice(2);
  const missing = await ensureTools(names.length > 0 ? names : neededByTests);
  for (const name of names.length > 0 ? names : neededByTests) {
    if (!missing.includes(name)) console.log(`${name}: ${toolPath(name)}`);
  }
  process.exitCode = missing.length > 0 ? 1 : 0;
}
