// `node downloadTemporal.ts FOLDER`: lets the SDK download the Temporal CLI into the folder and prints the file's path.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';

const folder = process.argv[2];
if (!folder) throw new Error('Name the folder to download into.');
const executable = { type: 'cached-download' as const, downloadDir: folder, version: 'default' };
const environment = await TestWorkflowEnvironment.createLocal({
  server: { executable, log: { format: 'json', level: 'error' } },
});
await environment.teardown();
const file = (await readdir(folder)).find((name) => name.startsWith('temporal'));
if (!file) throw new Error(`The SDK left no Temporal CLI in ${folder}.`);
console.log(path.join(folder, file));
