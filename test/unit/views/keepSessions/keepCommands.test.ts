import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { SessionArchive } from '../../../../src/core/archive/sessionArchive.ts';
import { keepCommands } from '../../../../src/views/keepSessions/keepCommands.ts';
import type { SessionNode } from '../../../../src/views/sessionTree/sessionNodes.ts';
import type { ServiceProvider } from '../../../../src/views/viewServices.ts';
import { summary } from '../support/sessions.ts';

const editor = vi.hoisted(() => ({
  trusted: true,
  /** What the modal question is answered with. */
  answer: undefined as string | undefined,
  asked: [] as string[],
  said: [] as string[],
}));

vi.mock('vscode', () => ({
  workspace: {
    get isTrusted() {
      return editor.trusted;
    },
  },
  ProgressLocation: { Notification: 15 },
  window: {
    withProgress: (_options: unknown, work: (progress: object, cancelled: object) => Promise<unknown>) =>
      work({ report: () => undefined }, { isCancellationRequested: false }),
    setStatusBarMessage: (text: string) => void editor.said.push(text),
    showInformationMessage: async (text: string) => void editor.said.push(text),
    showWarningMessage: async (text: string) => {
      editor.asked.push(text);
      return editor.answer;
    },
  },
}));

const far = '2999-01-01T00:00:00Z';
const gone = '2026-01-01T00:00:00Z';
const node = (name: string, over = {}): SessionNode => {
  const data = summary({ file: `/${name}.jsonl`, title: name, expiresAt: far, ...over });
  return { kind: 'session', id: `session:${data.file}`, file: data.file, summary: data };
};
const nodes = [
  node('a'),
  node('b', { expiresAt: gone }),
  node('c', { kept: true, expiresAt: gone }),
  node('d', { kept: true, archived: true }),
];

function commands() {
  const archive = {
    folder: '/archive',
    keep: vi.fn<SessionArchive['keep']>(async (file) => ({ file: `/archive${file}`, copied: 2, bytes: 3_400_000 })),
    forget: vi.fn<SessionArchive['forget']>(async () => undefined),
    refresh: vi.fn<SessionArchive['refresh']>(),
  };
  const services = { get: async () => ({ archive }) } as unknown as ServiceProvider;
  return { archive, run: keepCommands({ services, sessions: async () => nodes }) };
}

const target = (name: string) => ({ file: `/${name}.jsonl` });

beforeEach(() => Object.assign(editor, { trusted: true, answer: undefined, asked: [], said: [] }));

describe('Keep This Session', () => {
  it('keeps the row it was called on, and says so', async () => {
    const { archive, run } = commands();
    await run['forkpoint.keepSession'](target('a'), undefined);
    expect(archive.keep.mock.calls).toEqual([['/a.jsonl']]);
    expect(editor.said).toEqual(['“a” is kept: 2 files copied, 3.4 MB in all']);
  });

  it('keeps all selected rows where it was called on one of them, each once', async () => {
    const { archive, run } = commands();
    const stranger = { file: '/not-a-session.jsonl' };
    await run['forkpoint.keepSession'](target('b'), [target('a'), target('b'), target('b'), stranger]);
    expect(archive.keep.mock.calls).toEqual([['/a.jsonl'], ['/b.jsonl']]);
    await run['forkpoint.keepSession'](target('c'), [target('a'), target('b')]);
    expect(archive.keep.mock.calls.slice(2)).toEqual([['/c.jsonl']]);
  });

  it('needs trust: it writes to disk', async () => {
    editor.trusted = false;
    const { archive, run } = commands();
    await expect(run['forkpoint.keepSession'](target('a'), undefined)).rejects.toThrow('Restricted Mode');
    await expect(run['forkpoint.forgetKeptSession'](target('c'))).rejects.toThrow('Restricted Mode');
    expect(archive.keep).not.toHaveBeenCalled();
  });
});

describe('Keep Sessions About to Be Deleted', () => {
  it('keeps those that go soon and are not kept', async () => {
    const { archive, run } = commands();
    await run['forkpoint.keepExpiringSessions']();
    expect(archive.keep.mock.calls).toEqual([['/b.jsonl']]);
  });
});

describe('Remove from Archive…', () => {
  it('deletes the copy only after it was asked for', async () => {
    const { archive, run } = commands();
    await run['forkpoint.forgetKeptSession'](target('c'));
    expect(editor.asked).toEqual(['Remove the copy of “c” from the archive?']);
    expect(archive.forget).not.toHaveBeenCalled();
    editor.answer = 'Remove Copy';
    await run['forkpoint.forgetKeptSession'](target('c'));
    expect(archive.forget.mock.calls).toEqual([['/c.jsonl']]);
  });

  it('asks in other words where it is the last copy', async () => {
    const { archive, run } = commands();
    editor.answer = 'Remove Copy';
    await run['forkpoint.forgetKeptSession'](target('d'));
    expect(editor.asked).toEqual(['Delete the last copy of “d”?']);
    expect(archive.forget).not.toHaveBeenCalled();
  });
});
