#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { homeOf } from '../adapters/dataFolders.ts';

// What a command loads is compiled once and not at every start. Node 20 can't, a folder that can't be written is no error, and
// our folder is not made for this alone.
const home = homeOf(undefined);
if (existsSync(home)) module.enableCompileCache?.(join(home, 'cache', 'compiled'));

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

// The bundle lies in dist/.
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const { runCli } = await import('./runCli.ts');
// A command may wait for what holds no process by itself, such as a watched folder.
const awake = setInterval(() => {}, 2 ** 30);
const code = await runCli(process.argv.slice(2), version);
clearInterval(awake);
// Everything that was printed must be through before the process ends.
await new Promise((resolve) => process.stdout.write('', resolve));
process.exit(code);
