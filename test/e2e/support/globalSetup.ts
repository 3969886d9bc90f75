import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { installVsix } from '../../../scripts/codeServer.ts';
import { packageExtension } from '../../../scripts/package.ts';
import { run } from '../../../scripts/tools/run.ts';
import { ensureTools } from '../../../scripts/tools.ts';
import { freePort } from '../../../src/adapters/freePort.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Extensions folder of code-server with the packed VSIX installed. */
    extensionsDir: string;
    /** The packed VSIX itself. */
    vsix: string;
    /** Folder of the browser's profile. */
    profile: string;
    /** Where editors of one file answer, one after the other. */
    editorPort: number;
    /** Folder of the window that files share. */
    shared: string;
  }
}

/** Builds, packs and installs the VSIX once for all UI tests: they drive what a person would install. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const missing = await ensureTools(['chromium', 'code-server']);
  if (missing.length > 0) throw new Error(`UI tests need ${missing.join(' and ')}.`);
  const root = project.config.root;
  // `npm test` has built already, and another suite may be running what it built.
  if (!process.env['FORKPOINT_BUILT']) console.log(await run(process.execPath, ['esbuild.mjs'], { cwd: root }));
  const vsix = await packageExtension('platform');
  const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-ui-'));
  const extensionsDir = path.join(scratch, 'extensions');
  await mkdir(extensionsDir, { recursive: true });
  await installVsix(vsix, extensionsDir, scratch);
  project.provide('extensionsDir', extensionsDir);
  project.provide('vsix', vsix);
  project.provide('profile', path.join(scratch, 'profile'));
  project.provide('editorPort', await freePort());
  project.provide('shared', path.join(scratch, 'shared'));
  // The last file's browser and editor end meanwhile.
  return () => rm(scratch, { recursive: true, force: true, maxRetries: 15, retryDelay: 200 });
}
