import * as vscode from 'vscode';
import { oneLine, relativeTime } from '../../core/format.ts';
import type { SearchHit, SearchKind } from '../../core/search/sessionSearch.ts';
import { type Choice, choice } from '../quickInput.ts';
import { facts } from '../sessionTree/sessionRows.ts';

/** A row of the search: a hit, or a line between hits. */
export type SearchItem = Choice<SearchHit | null>;

export const forkButton: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon('repo-forked'),
  tooltip: 'Fork from Here…',
};
export const rawButton: vscode.QuickInputButton = {
  iconPath: new vscode.ThemeIcon('file-code'),
  tooltip: 'Open Raw Transcript',
};

const icons: Record<SearchKind, string> = {
  prompt: 'account',
  reply: 'comment',
  thinking: 'lightbulb',
  'tool input': 'tools',
  'tool result': 'output',
};

/** Hits as rows, with a line between two sessions. */
export function searchItems(hits: readonly SearchHit[], now: number): SearchItem[] {
  return hits.flatMap((hit, at) => {
    const before = hits[at - 1];
    const sameSession = before === undefined || before.sessionFile === hit.sessionFile;
    return sameSession ? itemOf(hit, now) : [separator, itemOf(hit, now)];
  });
}

const separator: SearchItem = { value: null, label: '', kind: vscode.QuickPickItemKind.Separator };

function itemOf(hit: SearchHit, now: number): SearchItem {
  const { snippet, ranges, kind, tool, turnIndex, file, sessionFile, at, line, title } = hit;
  const what = tool === null ? kind : `${tool} ${kind.replace('tool ', '')}`;
  const place = turnIndex === null ? `line ${line}` : `turn ${turnIndex}`;
  const where = facts(
    oneLine(title, 48),
    place,
    file === sessionFile ? null : 'subagent',
    what,
    at !== null && relativeTime(at, now),
  );
  return {
    ...choice(hit, around(snippet, ranges), '', where),
    iconPath: new vscode.ThemeIcon(icons[kind]),
    alwaysShow: true,
    buttons: hit.turnInFile === null ? [rawButton] : [forkButton, rawButton],
  };
}

/** Characters before a match that leave it in sight in a narrow list. */
const before = 24;

function around(snippet: string, ranges: readonly [number, number][]): string {
  const start = ranges[0]?.[0] ?? 0;
  if (start <= before) return snippet;
  const from = snippet.indexOf(' ', start - before);
  return `…${snippet.slice(from >= 0 && from < start ? from + 1 : start - before)}`;
}
