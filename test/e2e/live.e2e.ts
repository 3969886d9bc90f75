import { appendFile, mkdir, mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, vi } from 'vitest';
import { TranscriptBuilder } from '../support/transcript.ts';
import { type WrittenSession, writeSession } from '../support/writeSession.ts';
import { test } from './support/sharedWindow.ts';
import type { Workbench } from './support/workbench.ts';

let scratch: string;
let workbench: Workbench;
const within = (...names: string[]) => path.join(scratch, ...names);

test.beforeEach(async ({ shared }) => {
  scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-live-'));
  workbench = await shared.show({ claudeDir: within('claude'), home: within('forkpoint') });
});

afterEach(() => rm(scratch, { recursive: true, force: true }));

const tree = async () =>
  (await workbench.treeRows('Sessions')).map(({ label, description }) => `${label} | ${description}`).join('\n');
const panel = () => workbench.panel().locator('.conversation').innerText();

/**
 * Does something to the recording and waits until it shows, without a click. The time is printed: the product's share of it
 * is a second at most, and measured by the benchmark; a browser on a busy machine takes its own.
 */
async function shows(what: string, act: () => Promise<unknown>, look: () => Promise<string>, expected: RegExp) {
  await act();
  const started = performance.now();
  await vi.waitFor(async () => expect(await look()).toMatch(expected), { timeout: 20_000, interval: 20 });
  console.log(`live: ${what} shown after ${Math.round(performance.now() - started)} ms`);
}

/** Lets the last turn go on, as after a tool call. */
async function addReply(file: string, text: string): Promise<void> {
  const last = JSON.parse((await readFile(file, 'utf8')).trimEnd().split('\n').at(-1) ?? '');
  const message = { ...last.message, id: `${last.message.id}-2`, content: [{ type: 'text', text }] };
  await appendFile(file, `${JSON.stringify({ ...last, uuid: `${last.uuid}-2`, parentUuid: last.uuid, message })}\n`);
}

// One story: each step goes on from the one before, so it is one test.
test('what Claude Code records shows in the tree and in an open fork panel as it happens', async ({ shared }) => {
  await workbench.view('Sessions').getByText('No sessions in the folder').waitFor();

  let session!: WrittenSession;
  // Neither the config folder nor the project's folder was there when the editor began to watch.
  const first = async () => {
    session = await writeSession(within('claude'), shared.workspace, ['Why does slugify drop accents?', 'Emoji?']);
  };
  await shows('the first session', first, tree, /Why does slugify drop accents\? \| .*2 turns/);
  const other = () => writeSession(within('claude'), '/home/sam/website', ['A landing page']);
  await shows('another project', other, tree, /website \| 1/);

  await workbench.expand('Sessions', 'Why does slugify');
  await workbench.row('Sessions', /Emoji\?.*Sonnet/).waitFor();
  await workbench.chooseFromContextMenu('Sessions', /Emoji\?.*Sonnet/, 'Fork from Here…');
  await workbench.panel().getByRole('textbox', { name: 'Prompt for all branches' }).waitFor();
  await vi.waitFor(async () => expect(await panel()).toContain('Reply to Emoji?'), 20_000);

  await shows('a turn, in the panel', () => session.add('And umlauts?'), panel, /Reply to And umlauts\?/);
  await shows('the same turn, in the tree', async () => {}, tree, /And umlauts\? \| Sonnet 4\.5/);
  await shows('its row', async () => {}, tree, /Why does slugify drop accents\? \| .*3 turns/);
  await shows('another turn, in the tree', () => session.add('And hyphens?'), tree, /And hyphens\? \| Sonnet 4\.5/);
  await workbench.expand('Sessions', /And hyphens\?.*Sonnet/);
  await workbench.row('Sessions', 'step 1').waitFor();
  await shows(
    'another step of it',
    () => addReply(session.file, 'One more thing.'),
    tree,
    /One more thing\. \| step 2/,
  );
  await vi.waitFor(async () => expect(await panel()).toContain('One more thing.'), 20_000);
  await workbench.screenshot('live');

  const own = session.file.replace(/\.jsonl$/, '');
  const agent = path.join(own, 'subagents', 'agent-1.jsonl');
  const title = async () => {
    await mkdir(own, { recursive: true });
    await writeFile(path.join(own, 'custom-title.json'), JSON.stringify({ customTitle: 'Accents and emoji' }));
  };
  await shows('a new title', title, tree, /Accents and emoji \| .*4 turns/);
  const exploration = new TranscriptBuilder({ sessionId: session.sessionId, cwd: shared.workspace });
  const explores = async (text: string) => {
    exploration.reply(text);
    await mkdir(path.dirname(agent), { recursive: true });
    await writeFile(agent, exploration.text());
  };
  exploration.prompt('Find all callers', { isSidechain: true, agentId: '1' });
  await shows('a subagent', () => explores('Looking.'), tree, /subagent · 1 step$/m);
  await shows('what it does', () => explores('Found three.'), tree, /subagent · 2 steps$/m);

  const whole = await readFile(session.file);
  const twoTurns = whole.indexOf('\n', whole.indexOf('Reply to Emoji?')) + 1;
  await shows('a truncated file', () => truncate(session.file, twoTurns), tree, /Accents and emoji \| .*2 turns/);
  await vi.waitFor(async () => expect(await panel()).not.toContain('And umlauts?'), 20_000);
  await shows('the rest again', () => appendFile(session.file, whole.subarray(twoTurns)), panel, /And umlauts\?/);

  const notices = () => workbench.panel().locator('.notices').innerText();
  await shows('a deleted file, in the panel', () => rename(session.file, within('aside')), notices, /was deleted/);
  await vi.waitFor(async () => expect(await tree()).not.toContain('Accents and emoji'), 20_000);
  await shows('a file that is back', () => rename(within('aside'), session.file), tree, /Accents and emoji/);
  await vi.waitFor(async () => expect(await notices()).not.toContain('was deleted'), 20_000);
});
