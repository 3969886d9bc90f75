import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { startMessagesApi } from '../support/messagesApi.ts';
import { startProxy } from '../support/proxy.ts';
import { startEditor } from './support/editor.ts';
import { test } from './support/sharedWindow.ts';
import { Workbench } from './support/workbench.ts';

test('requests go through the proxy of http.proxy', async ({ browser }) => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-proxy-'));
  await mkdir(path.join(scratch, 'workspace'));
  await cp(path.resolve(import.meta.dirname, '../../demo/claude'), path.join(scratch, 'claude'), { recursive: true });
  await using api = await startMessagesApi(['Through the proxy.']);
  // The editor asks no proxy for loopback, so the API has a name that only the proxy knows.
  await using proxy = await startProxy({ to: Number(new URL(api.baseUrl).port) });
  const server = await startEditor({
    workspace: path.join(scratch, 'workspace'),
    settings: { 'http.proxy': proxy.url },
    env: {
      CLAUDE_CONFIG_DIR: path.join(scratch, 'claude'),
      FORKPOINT_HOME: path.join(scratch, 'forkpoint'),
      ANTHROPIC_API_KEY: 'sk-ant-test',
      ANTHROPIC_BASE_URL: 'http://api.forkpoint.invalid',
    },
  });
  try {
    const workbench = await Workbench.open(browser, server.url);
    await workbench.openForkpointView();
    await workbench.row('Sessions', 'slug-tools').waitFor();
    await workbench.runCommand('Forkpoint: Fork with Quick Pick');
    const asks = () => workbench.quickInput().getAttribute('placeholder');
    // Which steps there are depends on who can answer on this machine.
    for (let asked: string | null = null; ; ) {
      await expect.poll(asks, { timeout: 20_000 }).not.toBe(asked);
      asked = await asks();
      if (asked?.startsWith('Enter runs')) break;
      await workbench.page.keyboard.press('Enter');
    }
    await workbench.quickPickRows().first().filter({ hasText: 'api.forkpoint.invalid' }).waitFor();
    await workbench.page.keyboard.press('Enter');
    const received = await api.received(1);
    await received.done;
    expect(proxy.asked.some((asked) => asked.includes('api.forkpoint.invalid'))).toBe(true);
    expect(received.headers.host).toBe('api.forkpoint.invalid');
    await workbench.close();
  } finally {
    await server.stop();
    await rm(scratch, { recursive: true, force: true });
  }
});
