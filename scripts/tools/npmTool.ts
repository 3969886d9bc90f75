import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run, timed } from './run.ts';
import { installSystemPackages, missingPackages } from './systemPackages.ts';
import { type NpmTool, newPartialFolder, npmToolFolder, onPath, withLock } from './toolsFolder.ts';

/** Whether the tool is there and whole. */
export function hasNpmTool(tool: NpmTool): boolean {
  return existsSync(path.join(npmToolFolder(tool), tool.proof));
}

/**
 * Installs a package into a folder of its own in the cache. The folder is made under another name and renamed when it is
 * whole; what was downloaded before an interruption comes from npm's cache the next time.
 * @throws Error where npm fails or the checksum is another than the pinned one
 */
export async function ensureNpmTool(name: string, tool: NpmTool): Promise<void> {
  if (hasNpmTool(tool)) return;
  await installSystemPackages(missingPackages(tool.aptPackages), `${name}, ${tool.purpose}`);
  await withLock(name, async () => {
    if (hasNpmTool(tool)) return;
    const partial = await newPartialFolder(path.basename(npmToolFolder(tool)));
    await timed(`${name}: npm install (${tool.takes})`, () => install(tool, partial));
    await rm(npmToolFolder(tool), { recursive: true, force: true });
    await rename(partial, npmToolFolder(tool));
  });
}

async function install(tool: NpmTool, folder: string): Promise<void> {
  const manifest = {
    private: true,
    dependencies: { [tool.package]: tool.version },
    allowScripts: Object.fromEntries(tool.installScripts.map((name) => [name, true])),
  };
  await writeFile(path.join(folder, 'package.json'), JSON.stringify(manifest));
  const env = await npmEnvironment();
  // Nothing of the package runs before its checksum was compared.
  const omit = tool.omitOptional === true ? ['--omit=optional'] : [];
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...omit], {
    cwd: folder,
    env,
  });
  const lock = JSON.parse(await readFile(path.join(folder, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Record<string, { integrity?: string }>;
  };
  const found = lock.packages[`node_modules/${tool.package}`]?.integrity;
  if (found !== tool.integrity) {
    throw new Error(
      `${tool.package}@${tool.version}: checksum is ${found}, but scripts/tools.json pins ${tool.integrity}.`,
    );
  }
  if (tool.installScripts.length > 0) {
    await run('npm', ['rebuild', '--loglevel=error', ...tool.installScripts], { cwd: folder, env });
  }
  if (tool.parts) await installParts(tool.parts, folder, env);
  if (!existsSync(path.join(folder, tool.proof)))
    throw new Error(`${tool.package} was installed, but ${tool.proof} is missing.`);
}

/**
 * Runs a package's own install script, but compiles only the native modules that are named: SQLite and Kerberos take half of
 * code-server's install, and nothing of the tests needs them.
 */
async function installParts(
  { script, natives, ...parts }: NonNullable<NpmTool['parts']>,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const cwd = path.join(folder, parts.folder);
  // As npm tells its scripts.
  const agent = `npm node/${process.version} ${process.platform} ${process.arch}`;
  await run('sh', [script], { cwd, env: { ...env, npm_config_user_agent: agent, npm_config_ignore_scripts: 'true' } });
  await run('npm', ['rebuild', '--loglevel=error', ...natives.packages], { cwd: path.join(cwd, natives.folder), env });
}

/**
 * npm's environment: our own Node 24 first (code-server refuses others), the system's npm settings (which npm under
 * another Node doesn't find), and Node's headers from the system where their download may be out of reach.
 */
async function npmEnvironment(): Promise<NodeJS.ProcessEnv> {
  const env: NodeJS.ProcessEnv = { ...process.env };
  // What the npm run of the checkout tells its scripts would lead npm to the wrong project, and an install script that asks
  // for the Node version (code-server's reads the user agent) to the system's Node.
  const ofThisRun = /^(npm_(lifecycle|package)_|npm_config_(user_agent|local_prefix|prefix)$|npm_(node_)?execpath$)/;
  for (const key of Object.keys(env)) if (ofThisRun.test(key) || key === 'INIT_CWD' || key === 'NODE') delete env[key];
  env['PATH'] = `${path.dirname(process.execPath)}${path.delimiter}${process.env['PATH'] ?? ''}`;
  const npm = onPath('npm');
  if (npm && !env['npm_config_globalconfig']) {
    const systemPath = (process.env['PATH'] ?? '')
      .split(path.delimiter)
      .filter((folder) => !folder.includes('node_modules'));
    const systemEnv = { ...process.env, PATH: systemPath.join(path.delimiter) };
    env['npm_config_globalconfig'] = await run(npm, ['config', 'get', 'globalconfig'], { env: systemEnv }).catch(
      () => '',
    );
  }
  if (existsSync('/usr/include/node/node.h')) env['npm_config_nodedir'] = '/usr';
  // node-gyp puts these after a module's own flags. Optimizing takes half of an install, and tests don't earn
  // it back.
  for (const flags of ['CFLAGS', 'CXXFLAGS']) env[flags] ??= '-O0';
  return env;
}
