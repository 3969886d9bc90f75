import * as vscode from 'vscode';
import { plural, relativeTime } from '../../core/format.ts';
import { type Choice, choice } from '../quickInput.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { type Findable, type Found, findSessions } from './findSession.ts';
import type { SessionNode } from './sessionNodes.ts';
import { facts } from './sessionRows.ts';

const shownAtMost = 200;
/** Prompts of larger files are left out: reading them would take seconds each. */
const largestFile = 20_000_000;

/**
 * Finds a session by title, project and prompts while one types. Prompts are read in the background, newest session first,
 * and count as soon as they are there.
 * @returns the chosen session, undefined where the person gave up
 */
export function findSessionPick(
  sessions: readonly SessionNode[],
  services: ServiceProvider,
): Promise<SessionNode | undefined> {
  const findable: (Findable & { node: SessionNode })[] = sessions.map((node) => ({
    node,
    summary: node.summary,
    prompts: null,
  }));
  const pick = vscode.window.createQuickPick<Choice<string>>();
  Object.assign(pick, {
    title: 'Find Session',
    placeholder: 'Words of its title, project or prompts',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  const show = () => {
    const now = Date.now();
    pick.items = findSessions(findable, pick.value, shownAtMost).map((found) => ({
      ...itemOf(found, now),
      alwaysShow: true,
    }));
  };
  const reading = new AbortController();
  pick.onDidChangeValue(show);
  show();
  void readPrompts(findable, services, pick, reading.signal, show);
  return new Promise<SessionNode | undefined>((resolve) => {
    pick.onDidAccept(() => resolve(sessions.find(({ file }) => file === pick.activeItems[0]?.value)));
    pick.onDidHide(() => resolve(undefined));
    pick.show();
  }).finally(() => {
    reading.abort();
    pick.dispose();
  });
}

async function readPrompts(
  findable: Findable[],
  services: ServiceProvider,
  pick: vscode.QuickPick<Choice<string>>,
  signal: AbortSignal,
  show: () => void,
): Promise<void> {
  pick.busy = true;
  const { sessions } = await services.get();
  for (const entry of findable) {
    if (signal.aborted) return;
    if (entry.summary.bytes > largestFile) continue;
    // A file that can't be read is found by its title and project only.
    const open = await sessions.open(entry.summary.file).catch(() => null);
    entry.prompts = open?.session.turns.map(({ prompt }) => prompt) ?? [];
    if (!signal.aborted && pick.value.trim() !== '') show();
  }
  pick.busy = false;
}

function itemOf({ summary, prompt }: Found, now: number): Choice<string> {
  return choice(
    summary.file,
    summary.title,
    facts(relativeTime(summary.lastAt, now), plural(summary.turns, 'turn')),
    prompt ?? summary.projectPath ?? 'unknown folder',
  );
}
