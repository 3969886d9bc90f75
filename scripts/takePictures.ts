// `npm run pictures`: takes the README's pictures anew, of the sample session in the real editor, into media/.
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { launchBrowser } from '../test/e2e/support/browser.ts';
import { Workbench } from '../test/e2e/support/workbench.ts';
import { installVsix, startCodeServer } from './codeServer.ts';
import { packageExtension } from './package.ts';
import { run } from './tools/run.ts';
import { ensureTools } from './tools.ts';

const root = path.resolve(import.meta.dirname, '..');
const turn = 'Now handle emoji';

async function takePictures(workbench: Workbench): Promise<void> {
  const { page } = workbench;
  const take = (name: string) =>
    page.screenshot({ path: path.join(root, 'media', `${name}.png`), animations: 'disabled' });

  await workbench.openForkpointView();
  await workbench.expand('Sessions', 'slug-tools');
  await workbench.expand('Sessions', 'slugify');
  await workbench.chooseFromContextMenu('Sessions', turn, 'Fork from Here…');
  const panel = workbench.panel();
  const branch = async (at: number, name: string) => {
    await panel.getByRole('button', { name: 'Branch', exact: true }).click();
    await panel.locator('.branch input.name').nth(at).fill(name);
  };
  await panel.locator('.fidelity.exact').waitFor();
  await branch(1, 'cheaper');
  const model = panel.getByRole('combobox', { name: /^Model of cheaper/ });
  await model.fill('claude-haiku-4-5');
  await model.press('Enter');
  await branch(2, 'terse');
  await panel.getByRole('button', { name: /^prompt of terse/ }).click();
  await panel.getByRole('textbox', { name: /^Prompt of terse/ }).fill(`${turn}, in one line.`);
  await panel.locator('footer vscode-button', { hasText: 'Run 3 branches' }).waitFor();
  await panel.locator('h1').click();
  await take('fork-panel');

  await panel.locator('footer vscode-button', { hasText: 'Run 3 branches' }).click();
  await panel.locator('footer vscode-button', { hasText: 'Compare' }).click();
  await workbench.waitForTab('Comparison');
  await workbench.panel().getByRole('table').waitFor();
  await page.mouse.move(0, 0);
  await take('comparison');
}

const missing = await ensureTools(['chromium', 'code-server']);
if (missing.length > 0) throw new Error(`The pictures need ${missing.join(' and ')}.`);
await run(process.execPath, ['esbuild.mjs'], { cwd: root });
const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-pictures-'));
const extensionsDir = path.join(scratch, 'extensions');
const workspace = path.join(scratch, 'slug-tools');
await mkdir(extensionsDir);
await mkdir(workspace);
await cp(path.join(root, 'demo/claude'), path.join(scratch, 'claude'), { recursive: true });
await installVsix(await packageExtension('platform'), extensionsDir, scratch);
const server = await startCodeServer({
  extensionsDir,
  workspace,
  home: path.join(scratch, 'home'),
  env: {
    CLAUDE_CONFIG_DIR: path.join(scratch, 'claude'),
    FORKPOINT_HOME: path.join(scratch, 'forkpoint'),
    FORKPOINT_DEMO: '1',
  },
});
const browser = await launchBrowser();
try {
  await takePictures(await Workbench.open(browser, server.url, { width: 1440, height: 860 }));
} finally {
  await browser.close();
  await server.stop();
  await rm(scratch, { recursive: true, force: true });
}
