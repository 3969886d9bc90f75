import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createReadingStore } from '../../src/adapters/reader/createReadingStore.ts';
import type { BranchChain } from '../../src/core/agent/agentSettings.ts';
import { measurePrefix } from '../../src/core/agent/measurePrefix.ts';
import type { MessagesRequest } from '../../src/core/api/messagesRequest.ts';
import { StorageError } from '../../src/core/errors.ts';
import type { ForkPoint } from '../../src/core/fork/forkRequest.ts';
import type { OpenSession } from '../../src/core/fork/sessionStore.ts';
import { BranchRuns, newPrompt } from '../support/branchRun.ts';
import type { ReceivedRequest, Reply } from '../support/messagesApi.ts';
import { capturedReply, collect, labelOf, named, storeOf } from '../support/openRecordings.ts';
import { currentVersion, type RecordedScenario, recordEverySession } from '../support/recordSessions.ts';

// A branch's own session, written from what the real Claude Code recorded and resumed by the real Claude Code: what it sends is the
// recorded request with another prompt.

let all: RecordedScenario[];

beforeAll(async () => {
  all = await recordEverySession();
}, 900_000);

const played = (name: string, version = currentVersion): RecordedScenario => {
  const found = named(all, name).find((recorded) => recorded.version === version);
  if (found === undefined) throw new Error(`Claude Code ${version} did not play ${name}.`);
  return found;
};

interface Point {
  label: string;
  point: ForkPoint;
  open: OpenSession;
  source: string;
}

/** Points by scenario: a number is the turn before whose prompt is cut, `2.1` the step behind whose calls. */
type Cases = Record<string, (number | string)[]>;

const current: Cases = {
  plain: [2],
  tools: [2, '1.2'],
  parallel: [2, '1.1'],
  compacted: [2, 3, 4],
  rewound: [3, 4],
  subagent: [2],
  'parallel-agents': ['1.1'],
  typed: [2, 3, 6],
  hooked: [2],
  queued: ['1.1'],
  thinking: [2],
  'stopped-tool': [2],
};
const logged: Cases = { tools: [2], parallel: ['1.1'], compacted: [3], rewound: [4], typed: [3] };
const unlogged: Cases = { tools: [2], parallel: ['1.1'], compacted: [4], subagent: [2] };

function chosen(points: readonly Point[], wanted: readonly (number | string)[]): Point[] {
  return wanted.map((each) => {
    const words = typeof each === 'number' ? `before turn ${each}` : `after the calls of step ${each}`;
    const found = points.find(({ label }) => label.endsWith(words));
    if (found === undefined) throw new Error(`${points[0]?.label}: nothing ${words}`);
    return found;
  });
}

/** Every prompt of a recording, and the end of every reply's calls. */
async function pointsOf(recorded: RecordedScenario): Promise<Point[]> {
  const store = storeOf(recorded);
  const points: Point[] = [];
  for (const file of recorded.sessions) {
    const open = await store.open(file);
    const source = basename(file, '.jsonl');
    const add = (label: string, point: ForkPoint) =>
      points.push({ label: `${labelOf(recorded, file)} ${label}`, point, open, source });
    for (const turn of open.session.turns) {
      add(`before turn ${turn.index}`, { turn: turn.index });
      for (const step of turn.steps) {
        const results = step.toolCalls.flatMap(({ result }) => result?.uuid ?? []);
        const last = await lastOf(open, results);
        if (last !== null) add(`after the calls of step ${turn.index}.${step.index}`, { after: last });
      }
    }
  }
  return points;
}

/** The one of these messages that was written last. */
async function lastOf(open: OpenSession, uuids: readonly string[]): Promise<string | null> {
  if (uuids.length < 2) return uuids[0] ?? null;
  const messages = await collect(open.messages());
  return messages.findLast(({ uuid }) => uuids.includes(uuid))?.uuid ?? null;
}

async function hashOf(folder: string): Promise<Record<string, string>> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  const hashes = paths.map(async (path) => [
    path,
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  ]);
  return Object.fromEntries(await Promise.all(hashes)) as Record<string, string>;
}

/** The model that a request was sent to, as a branch asks for it. */
const asRecorded = ({ model }: MessagesRequest) => ({
  branch: { model, effort: null, system: null, thinking: null },
});

/** How many replies there are that no model gave. */
const madeUpReplies = ({ messages }: MessagesRequest): number =>
  JSON.stringify(messages).split('No response requested.').length - 1;

const spoken = ({ messages }: MessagesRequest): MessagesRequest => ({ model: 'm', max_tokens: 1, messages });

const sent = [
  ...Object.entries(current).map(([name, wanted]) => ({ version: currentVersion, name, wanted })),
  ...Object.entries(logged).map(([name, wanted]) => ({ version: '2.1.300', name, wanted })),
];

describe('what a branch sends', () => {
  it.each(sent)('equals the recorded request, part by part: $name, $version', async ({ version, name, wanted }) => {
    const recorded = played(name, version);
    const before = await hashOf(join(recorded.claudeDir, 'projects'));
    await using runs = await BranchRuns.open(recorded.claudeDir);
    const projects = await hashOf(join(runs.configDir, 'projects'));
    for (const { label, point, open, source } of chosen(await pointsOf(recorded), wanted)) {
      const chain = await open.branchChain(point);
      const { rebuilt } = await open.forkAt(point);
      expect(rebuilt.digestVerified, label).toBe(true);
      const { request } = await runs.ask({ chain, source, version, flags: asRecorded(rebuilt.request) });
      const prefix = measurePrefix(rebuilt.request, request.body);
      expect(prefix, label).toEqual({ equal: prefix.total, total: prefix.total, stopsAt: null });
      expect(prefix.total, label).toBeGreaterThan(10);
      expect(madeUpReplies(request.body), label).toBe(madeUpReplies(rebuilt.request));
    }
    // Nothing that was recorded has changed: neither where we read nor where Claude Code wrote.
    expect(await hashOf(join(recorded.claudeDir, 'projects'))).toEqual(before);
    expect(await hashOf(join(runs.configDir, 'projects'))).toMatchObject(projects);
  });

  it.each(Object.entries(unlogged))(
    'holds the recorded history where no log is kept: %s, 2.1.200',
    async (name, wanted) => {
      const recorded = played(name, '2.1.200');
      await using runs = await BranchRuns.open(recorded.claudeDir);
      for (const { label, point, open, source } of chosen(await pointsOf(recorded), wanted)) {
        const chain = await open.branchChain(point);
        const reply = (await open.forkAt(point)).following[0]?.steps[0]?.messageId ?? '';
        expect(chain.tools, label).toBeNull();
        const { request } = await runs.ask({ chain, source, version: '2.1.200' });
        const prefix = measurePrefix(spoken(capturedReply(recorded, reply).body), spoken(request.body));
        expect(prefix, label).toEqual({ equal: prefix.total, total: prefix.total, stopsAt: null });
        expect(prefix.total, label).toBeGreaterThan(1);
      }
    },
  );
});

describe('a session that an old Claude Code recorded', () => {
  it.each(['2.0.76', '2.1.100'])(
    'is gone on with by the current one, all that was said before it: %s',
    async (version) => {
      const recorded = played('tools', version);
      await using runs = await BranchRuns.open(recorded.claudeDir);
      for (const { label, point, open, source } of chosen(await pointsOf(recorded), [2])) {
        const chain = await open.branchChain(point);
        const { rebuilt } = await open.forkAt(point);
        const flags = asRecorded(rebuilt.request);
        const { request } = await runs.ask({ chain, source, version: currentVersion, flags });
        const said = (messages: MessagesRequest['messages']) =>
          messages.filter(({ role }) => role === 'assistant').map(({ content }) => blockKinds(content));
        const history = rebuilt.request.messages;
        expect(said(request.body.messages), label).toEqual(said(history));
        expect(madeUpReplies(request.body), label).toBe(0);
      }
    },
  );
});

/** What a reply is made of, without what versions and ways to send it set anew. */
function blockKinds(content: MessagesRequest['messages'][number]['content']): unknown[] {
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return blocks.map((block) => [block.type, block['text'] ?? block['name'] ?? null, block['input'] ?? null]);
}

describe('a branch before the first prompt', () => {
  it('leaves no file behind, and begins a session of its own', async () => {
    const recorded = played('plain');
    const [first] = await pointsOf(recorded);
    const chain = (await first?.open.branchChain({ turn: 1 })) as BranchChain;
    await using runs = await BranchRuns.open(null);
    const { sessionId, file, request } = await runs.ask({
      chain,
      source: first?.source ?? '',
      version: currentVersion,
      cwd: recorded.cwd,
      title: '-x · it’s "one"',
    });
    expect(file).toBeNull();
    const asked = await first?.open.forkAt({ turn: 1 });
    expect(
      measurePrefix(asked?.rebuilt.request as MessagesRequest, { ...request.body, model: asked?.rebuilt.request.model })
        .stopsAt,
    ).toMatch(/^the tool Bash differs: a single `claude -p`/);
    expect(request.body.tools.map(({ name }: { name: string }) => name)).not.toContain('AskUserQuestion');
    expect(chain.prompt).toEqual([{ type: 'text', text: 'What is the capital of France?' }]);
    const state = await runs.sessions.state(runs.configDir, sessionId, chain);
    expect(state).toMatchObject({ prompts: 1, open: [] });
    expect(basename(state.file ?? '')).toBe(`${sessionId}.jsonl`);
    const { sessions } = await listed(runs);
    expect(sessions).toMatchObject([
      { sessionId, title: '-x · it’s "one"', forkedFrom: { sessionId: first?.source, messageUuid: null } },
    ]);
  });
});

describe('another system prompt', () => {
  it.each([currentVersion, '2.1.300', '2.1.200'])(
    'is sent by Claude Code %s although one was recorded',
    async (version) => {
      const recorded = played('plain', version);
      const [point] = await pointsOf(recorded);
      const chain = (await point?.open.branchChain({ turn: 2 })) as BranchChain;
      await using runs = await BranchRuns.open(recorded.claudeDir);
      const system = { append: 'A sentence that was never there.' };
      const flags = { branch: { model: null, effort: 'low', system, thinking: null } };
      const { request } = await runs.ask({ chain, source: point?.source ?? '', version, flags });
      expect(JSON.stringify(request.body.system)).toContain(system.append);
      expect(request.body.output_config).toEqual({ effort: 'low' });
    },
  );
});

/** Sessions as the tree shows them. */
async function listed(runs: BranchRuns) {
  const store = createReadingStore({ claudeDirs: [runs.configDir], home: runs.home });
  return { store, sessions: await store.list() };
}

describe('the session of a branch', () => {
  it('is listed under the message that it was forked at, with its title and no cost of another', async () => {
    const recorded = played('tools');
    await using runs = await BranchRuns.open(recorded.claudeDir);
    const points = (await pointsOf(recorded)).filter(({ label }) => !label.endsWith('before turn 1'));
    expect(points.length).toBeGreaterThan(3);
    for (const { label, point, open, source } of points) {
      const chain = await open.branchChain(point);
      const { sessionId, file } = await runs.write({ chain, source, version: currentVersion, title: 'Try · again' });
      const { store, sessions } = await listed(runs);
      const branch = sessions.find((session) => session.sessionId === sessionId);
      expect(branch, label).toMatchObject({ title: 'Try · again', costUsd: null });
      expect(branch?.forkedFrom, label).toEqual({ sessionId: source, messageUuid: chain.leafUuid });
      const turnOf = async (opened: OpenSession, uuid: string | null) =>
        (await collect(opened.messages())).find((message) => message.uuid === uuid)?.turnId;
      const opened = await store.open(file ?? '');
      expect(opened.session.problems, label).toEqual([]);
      expect(await turnOf(opened, chain.leafUuid), label).toBe(await turnOf(open, chain.leafUuid));
      const written = await stat(file ?? '');
      expect(written.mode & 0o777).toBe(0o600);
    }
  });

  it('is shown whole across a compaction, and what an abandoned branch said', async () => {
    for (const [name, index] of [
      ['compacted', 4],
      ['rewound', 3],
    ] as const) {
      const recorded = played(name);
      const [first] = await pointsOf(recorded);
      const open = first?.open as OpenSession;
      const chain = await open.branchChain({ turn: index });
      await using runs = await BranchRuns.open(null);
      const { file } = await runs.write({ chain, source: first?.source ?? '', version: currentVersion });
      const { store } = await listed(runs);
      const { session } = await store.open(file ?? '');
      const prompts = open.session.turns.slice(0, index - 1).map(({ prompt }) => prompt);
      expect(session.turns.map(({ prompt }) => prompt)).toEqual(prompts);
      expect(session.turns.every(({ active }) => active)).toBe(true);
      expect(session.problems).toEqual([]);
      expect(session.compactions).toHaveLength(name === 'compacted' ? 1 : 0);
    }
  });

  it('is written once only, never in part', async () => {
    const recorded = played('plain');
    const [point] = await pointsOf(recorded);
    const chain = (await point?.open.branchChain({ turn: 3 })) as BranchChain;
    await using runs = await BranchRuns.open(null);
    const { configDir, sessions } = runs;
    const order = {
      chain,
      configDir,
      sessionId: crypto.randomUUID(),
      source: 's',
      cwd: recorded.cwd,
      rewrite: null,
      title: null,
    };
    const file = (await sessions.write(order)) ?? '';
    const text = await readFile(file, 'utf8');
    await expect(sessions.write({ ...order, title: 'Another' })).rejects.toThrow(StorageError);
    expect(await readFile(file, 'utf8')).toBe(text);
    expect(await readdir(dirname(file))).toEqual([basename(file)]);
    expect(text).not.toMatch(/"type":"(?:api-request|cost-state|queue-operation|last-prompt|file-history)/);
  });

  it('is removed as long as nothing was added to it', async () => {
    const recorded = played('plain');
    const [point] = await pointsOf(recorded);
    const chain = (await point?.open.branchChain({ turn: 3 })) as BranchChain;
    await using runs = await BranchRuns.open(null);
    const order = { chain, source: point?.source ?? '', version: currentVersion };
    const { sessionId, file } = await runs.write(order);
    expect(await runs.sessions.state(runs.configDir, sessionId, chain)).toEqual({ file, prompts: 0, open: [] });
    await runs.sessions.discard(runs.configDir, sessionId, chain);
    expect(await readdir(join(runs.configDir, 'projects'))).toEqual([]);
    expect(await runs.sessions.state(runs.configDir, sessionId, chain)).toEqual({ file: null, prompts: 0, open: [] });
    const asked = await runs.ask(order);
    await runs.sessions.discard(runs.configDir, asked.sessionId, chain);
    expect(existsSync(asked.file ?? '')).toBe(true);
    expect(await runs.sessions.state(runs.configDir, asked.sessionId, chain)).toMatchObject({ prompts: 1, open: [] });
  });

  it('knows the call that was under way when its agent was killed', async () => {
    const recorded = played('plain');
    const [point] = await pointsOf(recorded);
    const chain = (await point?.open.branchChain({ turn: 2 })) as BranchChain;
    const command = 'echo begun > begun.txt; sleep 60';
    const call: Reply = { content: [{ type: 'tool_use', name: 'Bash', input: { command } }] };
    await using runs = await BranchRuns.open(null, (request: ReceivedRequest) =>
      JSON.stringify(request.body.messages).includes('tool_result') ? 'Done.' : call,
    );
    const place = join(runs.folder, 'work');
    await mkdir(place);
    const order = { chain, source: point?.source ?? '', version: currentVersion, cwd: place };
    const { sessionId } = await runs.write(order);
    const started = runs.start({ ...order, flags: { recordedTools: null } }, { sessionId, resume: true, cwd: place });
    const state = () => runs.sessions.state(runs.configDir, sessionId, chain);
    const deadline = performance.now() + 30_000;
    while ((await state()).open.length === 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50));
    started.child.kill('SIGKILL');
    await started.ended;
    expect(await state()).toMatchObject({ prompts: 1, open: [{ tool: 'Bash', input: { command } }] });
  });
});

describe('a branch in another folder', () => {
  it('is told the same history with the paths of its own folder', async () => {
    const recorded = played('tools');
    await using runs = await BranchRuns.open(recorded.claudeDir);
    const to = join(runs.folder, 'elsewhere');
    await cp(recorded.cwd, to, { recursive: true });
    const [, point] = (await pointsOf(recorded)).filter((each) => 'turn' in each.point);
    const { open, source, label } = point as Point;
    const chain = await open.branchChain({ turn: 2 });
    const rewrite = { from: recorded.cwd, to };
    const { request, file } = await runs.ask({ chain, source, version: currentVersion, cwd: to, rewrite });
    const moved = JSON.parse(
      JSON.stringify((await open.forkAt({ turn: 2 })).rebuilt.request).replaceAll(recorded.cwd, to),
    ) as MessagesRequest;
    const prefix = measurePrefix(moved, request.body);
    expect(prefix, label).toEqual({ equal: prefix.total, total: prefix.total, stopsAt: null });
    const sent = JSON.stringify(request.body.messages);
    expect(sent).toContain(newPrompt);
    expect(sent).not.toContain(recorded.cwd);
    expect(sent).not.toContain('Environment update');
    expect(dirname(file ?? '')).toBe(join(runs.configDir, 'projects', to.replaceAll(/[^a-zA-Z0-9]/g, '-')));
  });

  it('is found in a folder whose path is long and odd, by every version', async () => {
    for (const version of [currentVersion, '2.1.200']) {
      const recorded = played('plain', version);
      const [point] = await pointsOf(recorded);
      const chain = (await point?.open.branchChain({ turn: 3 })) as BranchChain;
      await using runs = await BranchRuns.open(null);
      const cwd = join(runs.folder, 'a folder_with.signs ü', 'x'.repeat(120), 'y'.repeat(120));
      await mkdir(cwd, { recursive: true });
      const rewrite = { from: recorded.cwd, to: cwd };
      const { request, file } = await runs.ask({ chain, source: point?.source ?? '', version, cwd, rewrite });
      expect(JSON.stringify(request.body.messages), version).toContain('Berlin.');
      const folders = await readdir(join(runs.configDir, 'projects'));
      expect(folders, version).toEqual([basename(dirname(file ?? ''))]);
    }
  });
});
