import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import type { BrowserContext, Page } from 'playwright-core';
import { startCodeServer } from '../../scripts/codeServer.ts';
import { launchBrowser } from '../../test/e2e/support/browser.ts';
import { Workbench } from '../../test/e2e/support/workbench.ts';
import type { Bench, Job } from '../bench.ts';
import { cachedCorpus } from '../corpus/cachedCorpus.ts';
import { manySessions } from '../corpus/corpora.ts';
import { median, runNode } from '../measure.ts';
import { callRow } from '../table.ts';
import { treeManifest } from '../tree/treeManifest.ts';

const sessions = 10_000;
/** Names of the views. */
const trees = ['Grouped', 'Flat', 'Few'] as const;
type Tree = (typeof trees)[number];

/**
 * The Sessions tree with 10,000 sessions in a real editor: from the click on its icon to painted rows, the list being in
 * memory. Beside it a tree that shows the same rows without groups.
 */
export const treeJob: Job = {
  name: 'tree',
  async run(bench) {
    const corpus = await cachedCorpus('many-sessions', manySessions(sessions));
    const listed = await runNode(
      [bench.cli, 'list', '--json', '--claude-dir', corpus.claudeDir],
      bench.env(corpus.claudeDir),
    );
    const file = path.join(bench.scratch, 'sessions.json');
    await writeFile(file, listed.stdout);
    const extensionsDir = await installExtension(bench);
    const workspace = path.join(bench.scratch, 'workspace');
    await mkdir(workspace, { recursive: true });
    const env = { FORKPOINT_BENCH_SESSIONS: file, CLAUDE_CONFIG_DIR: corpus.claudeDir };
    const server = await startCodeServer({ extensionsDir, workspace, env });
    const browser = await launchBrowser();
    try {
      const took: Record<Tree, number[]> = { Grouped: [], Flat: [], Few: [] };
      for (let round = -1; round < bench.rounds; round += 1) {
        const times = await openAll(browser, server.url, round);
        if (round >= 0) for (const tree of trees) took[tree].push(times[tree]);
      }
      const [ours, flat, few] = [median(took.Grouped), median(took.Flat), median(took.Few)];
      const job = `Sessions tree, ${sessions} sessions, click to painted rows`;
      return [
        callRow(job, ours, 'the same rows in a flat tree', flat, 0.25),
        callRow(job, ours, 'a tree of 20 rows (what the editor itself takes)', few, null),
      ];
    } finally {
      await browser.close();
      await server.stop();
    }
  },
};

/** Puts the bench's extension into a folder of extensions. @returns the folder */
async function installExtension(bench: Bench): Promise<string> {
  const extensionsDir = path.join(bench.scratch, 'extensions');
  const folder = path.join(extensionsDir, 'forkpoint.forkpoint-bench-tree-0.0.1');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'package.json'), JSON.stringify(treeManifest));
  await writeFile(
    path.join(folder, 'icon.svg'),
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><circle r="9"/></svg>',
  );
  await build({
    entryPoints: [path.join(import.meta.dirname, '../tree/treeExtension.ts')],
    outfile: path.join(folder, 'treeExtension.js'),
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['vscode'],
    logLevel: 'warning',
  });
  return extensionsDir;
}

/** Opens the editor in a new profile and the trees in it one after the other, another one first each time. @returns milliseconds */
async function openAll(browser: BrowserContext, url: string, round: number): Promise<Record<Tree, number>> {
  const workbench = await Workbench.open(browser, url);
  try {
    await workbench.statusBarItem('bench is ready').waitFor();
    const times: Record<Tree, number> = { Grouped: 0, Flat: 0, Few: 0 };
    for (const at of trees.keys()) {
      const tree = trees[(at + round + trees.length) % trees.length] ?? 'Few';
      times[tree] = await openTree(workbench.page, tree);
    }
    return times;
  } finally {
    await workbench.page.context().close();
  }
}

/** From the click on the icon of a view to its painted rows, in milliseconds, measured in the page. */
async function openTree(page: Page, name: string): Promise<number> {
  // What the editor does at its start must not count.
  await page.waitForTimeout(1500);
  return page.evaluate<number>(`(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const icon = document.querySelector('.activitybar a.action-label[aria-label^="Bench ${name}"]');
    const rows = () => document.querySelectorAll('.part.sidebar .pane-body .monaco-list-row').length;
    const started = performance.now();
    icon.dispatchEvent(new MouseEvent('mousedown', { bubbles: true }));
    icon.dispatchEvent(new MouseEvent('mouseup', { bubbles: true }));
    icon.click();
    while (!document.querySelector('.part.sidebar .composite.title')?.textContent.includes('${name}') || rows() < 10) await frame();
    await frame();
    return performance.now() - started;
  })()`);
}
