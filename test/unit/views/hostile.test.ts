import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import MarkdownIt from 'markdown-it';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSessionStore } from '../../../src/adapters/sessions/createSessionStore.ts';
import { documentOf, trajectoryLines } from '../../../src/core/compare/trajectoryLines.ts';
import { iconSafe, messageSafe, printableJson, printableText } from '../../../src/core/plainText.ts';
import type { RecordedSession, Turn } from '../../../src/core/session/recordedSession.ts';
import { comparisonHtml } from '../../../src/views/branchDiff/comparisonHtml.ts';
import { branchUri, problemsUri, turnUri } from '../../../src/views/documentUris.ts';
import { filesReport } from '../../../src/views/filesAtTurn/filesReport.ts';
import { fileUri } from '../../../src/views/filesAtTurn/fileUris.ts';
import { conversationOf, rowParts, wireRows } from '../../../src/views/forkPanel/conversation.ts';
import { problemsDocument } from '../../../src/views/problems/problemsDocument.ts';
import type { RunTreeNode } from '../../../src/views/runTree/runNodes.ts';
import { runRow } from '../../../src/views/runTree/runRows.ts';
import { runTooltip } from '../../../src/views/runTree/runTooltips.ts';
import { sessionChildren, turnChildren } from '../../../src/views/sessionTree/sessionChildren.ts';
import type { InsideSessionNode, SessionTreeNode } from '../../../src/views/sessionTree/sessionNodes.ts';
import { sessionRow } from '../../../src/views/sessionTree/sessionRows.ts';
import { sessionTooltip } from '../../../src/views/sessionTree/sessionTooltips.ts';
import { turnDocument } from '../../../src/views/sessionTree/turnDocument.ts';
import type { TreeRow } from '../../../src/views/treeRow.ts';
import { hostileFile, hostileText, unsafeIn } from '../../support/hostile.ts';
import { sha256, TranscriptBuilder } from '../../support/transcript.ts';
import { branch, run } from './support/runs.ts';

/** One session in which everything is hostile, read by the real store and shown on every surface. */
const claudeDir = mkdtempSync(join(tmpdir(), 'hostile-'));
let recorded: RecordedSession;
let turns: Turn[];
let nodes: SessionTreeNode[];
const file = join(claudeDir, 'projects', '-work', 'hostile-1.jsonl');

beforeAll(async () => {
  mkdirSync(join(claudeDir, 'projects', '-work', 'hostile-1', 'subagents'), { recursive: true });
  writeFileSync(file, hostileFile());
  const agent = join(claudeDir, 'projects', '-work', 'hostile-1', 'subagents', 'agent-1');
  const said = new TranscriptBuilder({ sessionId: 'hostile-1' });
  said.prompt(hostileText, { isSidechain: true });
  writeFileSync(`${agent}.jsonl`, said.text());
  writeFileSync(
    `${agent}.meta.json`,
    JSON.stringify({ agentType: hostileText, toolUseId: 'call-1', description: hostileText }),
  );
  const store = createSessionStore({ claudeDirs: [claudeDir], sha256 });
  const open = await store.open(file);
  recorded = open.session;
  turns = await open.turns(recorded.turns.map(({ index }) => index));
  const [listed] = await store.list();
  if (listed === undefined) throw new Error('The session is not listed.');
  const inside = sessionChildren(file, recorded);
  nodes = [{ kind: 'session', id: file, file, summary: listed } as SessionTreeNode, ...withChildren(inside)];
});
afterAll(() => rmSync(claudeDir, { recursive: true, force: true }));

/** The nodes and everything below them. */
function withChildren(some: readonly InsideSessionNode[]): SessionTreeNode[] {
  return some.flatMap((node): SessionTreeNode[] => {
    if (node.kind === 'abandoned') return [node, ...withChildren(node.turns)];
    const turn = node.kind === 'turn' ? turns.find(({ index }) => index === node.turn) : undefined;
    return node.kind === 'turn' && turn !== undefined ? [node, ...withChildren(turnChildren(node, turn))] : [node];
  });
}

function expectInertRow({ label, description, accessibilityLabel }: TreeRow): void {
  for (const text of [label, description, accessibilityLabel]) {
    expect(unsafeIn(text)).toBeNull();
    expect(text).not.toContain('\n');
    expect(text.length).toBeLessThan(1_000);
  }
}

/** As permissive as any renderer: raw HTML passes and bare addresses become links. */
function expectInertMarkdown(markdown: string): void {
  expect(unsafeIn(markdown)).toBeNull();
  const html = new MarkdownIt({ html: true, linkify: true }).render(markdown);
  expect(html.match(/<(a|img|script|iframe|style|svg|form|table)\b/gi) ?? []).toEqual([]);
}

describe('a hostile session', () => {
  it('is read, with a turn for each prompt and a problem for each damaged line', () => {
    expect(recorded.turns).toHaveLength(3);
    expect(recorded.problems.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['bad_record', 'invalid_json', 'not_an_object']),
    );
    expect(recorded.summary.problems).toBe(recorded.problems.length);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('is inert in the rows of the tree and their tooltips', () => {
    expect(new Set(nodes.map(({ kind }) => kind))).toEqual(
      new Set(['session', 'turn', 'step', 'subagent', 'compaction', 'abandoned']),
    );
    const around = { now: Date.now(), projectPath: recorded.summary.projectPath };
    const context = { titleOf: () => hostileText };
    for (const node of nodes) {
      expectInertRow(sessionRow(node, around));
      expectInertMarkdown(sessionTooltip(node, context));
    }
    const project = { kind: 'project', id: 'p', path: hostileText, place: 'elsewhere', unfolded: false, sessions: [] };
    expectInertRow(sessionRow(project as unknown as SessionTreeNode, around));
    expectInertMarkdown(sessionTooltip(project as unknown as SessionTreeNode, context));
  });

  it('is inert in the document of a turn and its name', () => {
    for (const turn of turns) {
      expectInertMarkdown(turnDocument(recorded, turn));
      expect(unsafeIn(turnUri(turn.prompt, { file, turn: turn.index }).path)).toBeNull();
    }
    expect(unsafeIn(branchUri(hostileText, hostileText, { run: run().runId, branch: 'recorded' }).path)).toBeNull();
    expect(unsafeIn(problemsUri(hostileText, { file }).path)).toBeNull();
  });

  it('is inert in the list of its problems, of which no line is a link but ours', () => {
    const { text, references } = problemsDocument(recorded);
    expect(unsafeIn(text)).toBeNull();
    expect(text).not.toMatch(/\b(https?|file|command|vscode):/i);
    expect(references.map(({ line }) => line)).toEqual(recorded.problems.map(({ line }) => line));
    const lines = text.split('\n');
    for (const { at, length, line } of references) expect(lines[at]?.slice(0, length)).toBe(`Line ${line}`);
    for (const line of lines) expect(line.length).toBeLessThan(1_200);
  });

  it('is inert in the rows of the fork panel and in what they unfold to', () => {
    const contents = new Map(turns.map((turn) => [turn.index, turn]));
    for (const through of turns) {
      const conversation = conversationOf(recorded, through.turnId);
      const rows = wireRows(conversation, contents, 0, 1_000);
      for (const { text, facts, tooltip, problem } of rows)
        for (const shown of [text, facts, tooltip, problem ?? '']) expect(unsafeIn(shown)).toBeNull();
      for (const index of rows.keys())
        for (const part of rowParts(conversation, contents, index))
          expect(unsafeIn(`${part.title}\n${part.text}`)).toBeNull();
    }
  });

  it('is inert in the documents that are compared, and differs where only invisible characters do', () => {
    const call = {
      name: hostileText,
      input: { [hostileText]: hostileText },
      result: { content: hostileText, isError: true },
    };
    const render = (text: string) =>
      documentOf(trajectoryLines({ steps: [{ turn: 0, text, calls: [call] }], ends: hostileText }, hostileText));
    expect(unsafeIn(render(hostileText))).toBeNull();
    expect(render('rm -rf\u202E')).not.toBe(render('rm -rf'));
    expect(render('\u001b[31mred')).toContain('‹U+001B›[31mred');
  });
});

it('hostile runs are inert in their tree, tooltips and comparison', () => {
  const error = { code: hostileText, message: hostileText, hint: hostileText };
  const worst = branch('b1-1', {
    name: hostileText,
    model: hostileText,
    stopReason: hostileText,
    text: hostileText,
    notes: [hostileText],
    changes: [hostileText],
    error: error as never,
    state: 'failed',
  });
  const view = run({ title: hostileText, missing: [hostileText], branches: [worst] });
  const shown = [
    { kind: 'run', id: 'r', run: view },
    { kind: 'branch', id: 'b', run: view, branch: worst },
    { kind: 'branch', id: 'c', run: view, branch: { ...worst, state: 'completed', error: null } },
  ] as unknown as RunTreeNode[];
  for (const node of shown) {
    expectInertRow(runRow(node, Date.now()));
    expectInertMarkdown(runTooltip(node));
  }
  const cell = { text: hostileText, best: hostileText, tooltip: hostileText };
  const html = comparisonHtml(
    {
      title: hostileText,
      summary: hostileText,
      columns: [{ title: hostileText, tooltip: hostileText, numeric: false }],
      rows: [
        {
          id: hostileText,
          name: hostileText,
          cells: [cell],
          divergence: { text: hostileText, line: 1, tooltip: hostileText },
          error: hostileText,
        },
      ],
      problems: [hostileText],
    },
    { runId: hostileText, cspSource: 'x', nonce: 'n', style: 's' },
  );
  expect(html.match(/<(img|iframe|a)\b/g)).toBeNull();
  expect(html.match(/<script\b/g)).toHaveLength(1);
});

it('the report of files at a turn is inert', () => {
  const unknown = { kind: 'unknown', reason: hostileText } as const;
  const known = { kind: 'absent', source: 'git', certainty: 'likely', ref: hostileText } as const;
  const touched = [unknown, known].map((before) => ({
    path: hostileText,
    file: hostileText,
    before,
    after: unknown,
    changed: null,
    changedBy: ['shell' as const],
    notes: [hostileText],
  }));
  const report = filesReport({
    turn: 1,
    turnId: hostileText,
    folder: hostileText,
    files: touched,
    warnings: [hostileText],
  });
  expect(unsafeIn(report)).toBeNull();
  const html = new MarkdownIt({ html: true, linkify: true }).render(report);
  expect(html.match(/<(a|img|script|iframe|style|svg|form)\b/gi) ?? []).toEqual([]);
  const query = { file: '/s.jsonl', turn: 1, path: hostileText, side: 'before' } as const;
  expect(unsafeIn(fileUri(hostileText, query).path)).toBeNull();
});

it('what goes to pickers, notifications and terminals is inert', () => {
  expect(iconSafe(hostileText)).not.toMatch(/(?<!\\)\$\(/);
  expect(messageSafe(hostileText)).not.toContain('](');
  expect(unsafeIn(printableText(hostileText, false))).toBeNull();
  expect(unsafeIn(printableText(`\u001b[31m${hostileText}\u001b[39m`, true).replace(/\u001b\[\d+m/g, ''))).toBeNull();
  const json = printableJson(JSON.stringify({ [hostileText]: hostileText }));
  expect(unsafeIn(json)).toBeNull();
  expect(JSON.parse(json)).toEqual({ [hostileText]: hostileText });
});
