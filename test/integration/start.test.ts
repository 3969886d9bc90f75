import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { prepareAgentStage } from '../../demo/agentStage.ts';
import { startDemoServer } from '../../demo/demoServer.ts';
import { toolPath } from '../../scripts/tools.ts';
import { currentClaude } from '../support/agentStage.ts';
import { treeHash } from '../support/treeHash.ts';

const root = path.resolve(import.meta.dirname, '../..');
const claude = () => toolPath(`claude-code-${currentClaude}`);

/** `npm start -- --headless`, begun where the dependencies are installed. @returns what it prints on stdout */
async function start(env: Record<string, string>): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/start.mjs', '--headless'], {
    cwd: root,
    env: {
      PATH: [path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(path.delimiter),
      FORKPOINT_BOOTSTRAPPED: root,
      ...env,
    },
  });
  return stdout;
}

test('three agents work on the sample project, and nothing of the user’s account or tree takes part', async () => {
  // Whatever is sent to the address or with the key that the user has set is a fault.
  let asked = 0;
  const users = createServer((_, response) => {
    asked += 1;
    response.writeHead(500).end();
  });
  await new Promise<void>((resolve) => users.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void users.close());
  const address = `http://127.0.0.1:${(users.address() as AddressInfo).port}`;
  const env = {
    FORKPOINT_CLAUDE: claude(),
    ANTHROPIC_BASE_URL: address,
    ANTHROPIC_AUTH_TOKEN: 'the-users-own',
    CLAUDE_CODE_USE_BEDROCK: '1',
    HTTP_PROXY: address,
    HTTPS_PROXY: address,
  };
  const api = await startDemoServer();
  onTestFinished(() => api.close());
  const { project } = await prepareAgentStage(path.join(root, 'artifacts/start'), claude(), api.url);
  const before = treeHash(project);
  const printed = await start(env);
  expect(printed).toMatch(/^as recorded: \+6 −0 in 2 files · tests passed · prefix (\d+) of \1 as recorded$/m);
  expect(printed).toMatch(/^cheaper: \+1 −0 in 1 file · tests failed · /m);
  expect(printed).toMatch(/^terse: \+1 −0 in 1 file · tests passed · /m);
  expect(printed).toContain('check tests: passed before, passed as recorded, passes in 2 of 3');
  expect(printed).toMatch(/^\+ {4}\.replace\(\/\\p\{Emoji\}\/gu, ''\)$/m);
  expect(asked).toBe(0);
  expect(treeHash(project)).toEqual(before);
}, 120_000);

test('without Claude Code the demo’s model answers alone, and what would come is said', async () => {
  const printed = await start({});
  expect(printed).toMatch(/^as recorded {2}completed {2}Opus 4\.5 {3}end_turn/m);
  expect(printed).toContain(
    'With Claude Code on PATH (or named in FORKPOINT_CLAUDE) three agents would have edited files',
  );
}, 120_000);

test('a Claude Code that can’t be started is said, and the fork is shown without it', async () => {
  const printed = await start({ FORKPOINT_CLAUDE: '/nowhere/claude' });
  expect(printed).toMatch(/^as recorded {2}completed {2}Opus 4\.5 {3}end_turn/m);
}, 120_000);
