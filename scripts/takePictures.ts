// `npm run pictures`: takes the README's pictures anew, of agents at work in the real editor, into media/. The demo's model answers.
//   npm run pictures -- --look FOLDER    all of them, light ones too, into another folder
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { prepareAgentStage } from '../demo/agentStage.ts';
import { startDemoServer } from '../demo/demoServer.ts';
import { launchBrowser } from '../test/e2e/support/browser.ts';
import { Workbench } from '../test/e2e/support/workbench.ts';
import { installVsix, startCodeServer } from './codeServer.ts';
import { packageExtension } from './package.ts';
import { run } from './tools/run.ts';
import { ensureTools, toolPath } from './tools.ts';

const root = path.resolve(import.meta.dirname, '..');
const turn = 'Now handle emoji';
const { values } = parseArgs({ options: { look: { type: 'string' } } });
const folder = values.look === undefined ? path.join(root, 'media') : path.resolve(values.look);

async function takePictures(workbench: Workbench): Promise<void> {
  const { page } = workbench;
  const take = (name: string) => page.screenshot({ path: path.join(folder, `${name}.png`), animations: 'disabled' });
  /** Both themes where they are only looked at. */
  const takeAll = async (name: string) => {
    await take(name);
    if (values.look === undefined) return;
    await workbench.setTheme('light');
    await take(`${name}-light`);
    await workbench.setTheme('dark');
  };

  await workbench.openForkpointView();
  await widenSideBar(workbench);
  await workbench.expand('Sessions', 'slug-tools');
  await workbench.expand('Sessions', 'Why does slugify drop accents?');
  await workbench.chooseFromContextMenu('Sessions', turn, 'Fork from Here…');
  await fillPanel(workbench);
  await takeAll('fork-panel');
  await runBranches(workbench);
  await takeAll('agents-in-panel');
  await workbench.setViewport(1440, 760);
  await workbench.expand('Runs', 'as recorded');
  await workbench.expand('Runs', 'cheaper');
  await workbench.inlineAction('Runs', 'as recorded', 'Open Changes');
  await workbench.waitForTab('fork point ↔ as recorded');
  await page.locator('.multiDiffEditor .view-lines').nth(1).waitFor();
  await page.mouse.move(0, 0);
  await takeAll('agent-branches');
}

/** So that no row is cut off. */
async function widenSideBar({ page }: Workbench): Promise<void> {
  const sash = page.locator('.monaco-sash.vertical:not(.disabled)').first();
  const box = await sash.boundingBox();
  if (box === null) throw new Error('The side bar has no edge.');
  await page.mouse.move(box.x + 2, 400);
  await page.mouse.down();
  await page.mouse.move(420, 400, { steps: 5 });
  await page.mouse.up();
}

async function fillPanel(workbench: Workbench): Promise<void> {
  const panel = workbench.panel();
  await panel.locator('.where').waitFor();
  const branch = async (at: number, name: string) => {
    await panel.getByRole('button', { name: 'Branch', exact: true }).click();
    await panel.locator('.branch input.name').nth(at).fill(name);
  };
  await branch(1, 'cheaper');
  const model = panel.getByRole('combobox', { name: /^Model of cheaper/ });
  await model.fill('claude-haiku-4-5');
  await model.press('Enter');
  await branch(2, 'terse');
  await panel.getByRole('button', { name: /^prompt of terse/ }).click();
  await panel.getByRole('textbox', { name: /^Prompt of terse/ }).fill(`${turn}, in one line.`);
  await panel.locator('footer vscode-button', { hasText: 'Run 3 branches' }).waitFor();
  await panel.locator('h1').click();
}

/** Until one is done, one waits for an answer, and one has got its. */
async function runBranches(workbench: Workbench): Promise<void> {
  const panel = workbench.panel();
  await panel.locator('footer vscode-button', { hasText: 'Run 3 branches' }).click();
  await workbench.answerDialog('Run 3 branches');
  const row = (name: string) => panel.locator('.run-branch').filter({ hasText: name });
  await row('as recorded').getByRole('button', { name: 'Allow', exact: true }).click({ timeout: 60_000 });
  await row('terse').getByRole('button', { name: 'Allow', exact: true }).waitFor({ timeout: 60_000 });
  for (const name of ['as recorded', 'cheaper'])
    await row(name).locator('.progress', { hasText: /tests/ }).waitFor({ timeout: 60_000 });
}

const claude = 'claude-code-2.1.329';
const missing = await ensureTools(['chromium', 'code-server', claude]);
if (missing.length > 0) throw new Error(`The pictures need ${missing.join(' and ')}.`);
await run(process.execPath, ['esbuild.mjs'], { cwd: root });
await mkdir(path.join(root, 'artifacts'), { recursive: true });
await mkdir(folder, { recursive: true });
const scratch = await realpath(await mkdtemp(path.join(root, 'artifacts/pictures-')));
const extensionsDir = path.join(scratch, 'extensions');
await mkdir(extensionsDir);
await installVsix(await packageExtension('platform'), extensionsDir, scratch);
const api = await startDemoServer();
const { env, project } = await prepareAgentStage(scratch, toolPath(claude), api.url);
const server = await startCodeServer({
  extensionsDir,
  workspace: project,
  home: path.join(scratch, 'editor'),
  env,
  wholeEnvironment: true,
});
const browser = await launchBrowser();
try {
  await takePictures(await Workbench.open(browser, server.url, { width: 1440, height: 860 }));
} finally {
  await browser.close();
  await server.stop();
  await api.close();
  await rm(scratch, { recursive: true, force: true });
}
