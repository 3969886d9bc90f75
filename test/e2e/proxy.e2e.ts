import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { startMessagesApi } from '../support/messagesApi.ts';
import { startProxy } from '../support/proxy.ts';
import { openBrowser, startEditor } from './support/editor.ts';
import { Workbench } from './support/workbench.ts';

test('requests go through the proxy of http.proxy', async () => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-proxy-'));
  await mkdir(path.join(scratch, 'workspace'));
  await cp(path.resolve(import.meta.dirname, '../../demo/claude'), path.join(scratch, 'claude'), { recursive: true });
  await using api = await startMessagesApi(['Through the proxy.']);
  // The editor asks no proxy for loopback, so the API has a name that only the proxy knows.
  await using proxy = await startProxy({ to: Number(new URL(api.baseUrl).port) });
  const browser = await openBrowser();
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
    const confirmation = workbench.quickPickRows().first().filter({ hasText: 'api.forkpoint.invalid' });
    for (let step = 0; step < 12 && !(await confirmation.isVisible()); step += 1) {
      await workbench.page.keyboard.press('Enter');
      await workbench.page.waitForTimeout(500);
    }
    await confirmation.waitFor();
    await workbench.page.keyboard.press('Enter');
    const received = await api.received(1);
    await received.done;
    expect(proxy.asked.some((asked) => asked.includes('api.forkpoint.invalid'))).toBe(true);
    expect(received.headers.host).toBe('api.forkpoint.invalid');
    await workbench.close();
  } finally {
    await browser.close();
    await server.stop();
    await rm(scratch, { recursive: true, force: true });
  }
});
