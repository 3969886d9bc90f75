#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { runCli } from './runCli.ts';

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

// The bundle lies in dist/.
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const code = await runCli(process.argv.slice(2), version);
// Everything that was printed must be through before the process ends.
await new Promise((resolve) => process.stdout.write('', resolve));
process.exit(code);
