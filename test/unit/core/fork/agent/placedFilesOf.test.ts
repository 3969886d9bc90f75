import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { PlacedFiles } from '../../../../../src/core/agent/agentSettings.ts';
import { recordedChanges } from '../../../../../src/core/agent/recordedChanges.ts';
import type { FileReading, Side } from '../../../../../src/core/files/fileState.ts';
import { type FilesMoment, momentOf, placedFilesOf } from '../../../../../src/core/fork/agent/placedFilesOf.ts';
import { resolveCut } from '../../../../../src/core/fork/resolveForkPoint.ts';
import type { OpenSession } from '../../../../../src/core/fork/sessionStore.ts';
import type { BlobRef } from '../../../../../src/core/ids.ts';
import { FileSession } from '../../../../support/fileSession.ts';
import { MemoryBlobs } from '../../../../support/memoryStores.ts';

const folder = '/work/slug';
const a = `${folder}/a.txt`;
const blobs = new MemoryBlobs();

function opened(session: FileSession): OpenSession {
  const { session: recorded } = session.transcript.tree();
  return {
    session: recorded,
    files: (turn: number, reading?: FileReading) => session.at(turn, reading?.until),
    fileContent: (turn: number, path: string, side: Side, reading?: FileReading) =>
      session.content(turn, path, side, reading?.until),
  } as OpenSession;
}

function placed(session: FileSession, moment: FilesMoment, projectRoot = folder): Promise<PlacedFiles> {
  const encodeBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return placedFilesOf(opened(session), moment, { projectRoot, put: (value) => blobs.put(value), encodeBase64 });
}

async function bytesOf(ref: BlobRef): Promise<Uint8Array> {
  return Buffer.from(((await blobs.get(ref)) as { base64: string }).base64, 'base64');
}

/** `exact 644: text` by path. */
async function told(files: PlacedFiles): Promise<Record<string, string>> {
  const lines = files.files.map(async ({ path, content, mode, certainty }) => {
    const text = content === null ? 'none' : JSON.stringify(Buffer.from(await bytesOf(content)).toString());
    return [path.replace(`${folder}/`, ''), `${certainty} ${mode}: ${text}`] as const;
  });
  return Object.fromEntries([
    ...(await Promise.all(lines)),
    ...files.unknown.map(({ path }) => [path.replace(`${folder}/`, ''), 'unknown'] as const),
  ]);
}

/** One turn that edits twice, makes a file, edits outside of the project, and changes one file of which no copy is. */
function stage() {
  const session = new FileSession();
  const first = session.prompt('One');
  const [call, afterFirst] = session.edit(a, 'one', 'eins', { original: 'one\r\ntwo\r\n' });
  session.delta(first, call, 'a.txt', session.copy('aa@v1', 'one\r\ntwo\r\n', 0o755));
  const [callOfSecond, afterSecond] = session.edit(a, 'two', 'zwei', { original: 'eins\r\ntwo\r\n' });
  const [, afterCreated] = session.create(`${folder}/new.txt`, 'fresh\n');
  session.edit('/etc/elsewhere', 'x', 'y', { original: 'x' });
  session.edit(`${folder}/.git/info/exclude`, 'x', 'y', { original: 'x' });
  session.edit(`${folder}/lost.txt`, 'x', 'y');
  const said = session.say();
  return { session, afterFirst, callOfSecond, afterSecond, afterCreated, said };
}

const within = (kind: 'before' | 'after', uuid: string): FilesMoment => ({
  turn: 1,
  side: 'after',
  until: { kind, uuid },
});

describe('the files that a place begins with', () => {
  it('are those before the prompt', async () => {
    const files = await placed(stage().session, { turn: 1, side: 'before' });
    expect(await told(files)).toEqual({
      'a.txt': 'exact 755: "one\\r\\ntwo\\r\\n"',
      'new.txt': 'exact null: none',
      'lost.txt': 'unknown',
    });
    expect(files.unknown).toEqual([{ path: `${folder}/lost.txt`, reason: expect.stringMatching(/./) }]);
    expect(files.warnings).toEqual([
      `2 files outside of the project are left as they are now: /etc/elsewhere, ${folder}/.git/info/exclude`,
    ]);
  });

  it('are those after the turn', async () => {
    expect(await told(await placed(stage().session, { turn: 1, side: 'after' }))).toMatchObject({
      'a.txt': 'exact 755: "eins\\r\\nzwei\\r\\n"',
      'new.txt': 'exact null: "fresh\\n"',
    });
  });

  it('are those of a message within the turn: kept edits are in them, later ones not', async () => {
    const { session, afterFirst, callOfSecond, afterSecond, afterCreated, said } = stage();
    const at = async (moment: FilesMoment) => {
      const { 'a.txt': text, 'new.txt': made } = await told(await placed(session, moment));
      return [text?.slice(text.indexOf('"')), made?.slice(made.indexOf(':') + 2)];
    };
    const half = ['"eins\\r\\ntwo\\r\\n"', 'none'];
    expect(await at(within('after', afterFirst))).toEqual(half);
    expect(await at(within('before', callOfSecond))).toEqual(half);
    expect(await at(within('after', afterSecond))).toEqual(['"eins\\r\\nzwei\\r\\n"', 'none']);
    expect(await at(within('after', afterCreated))).toEqual(['"eins\\r\\nzwei\\r\\n"', '"fresh\\n"']);
    expect(await at(within('after', said))).toEqual(['"eins\\r\\nzwei\\r\\n"', '"fresh\\n"']);
    await expect(placed(session, within('after', 'no such message'))).rejects.toThrow('Turn 1 has no message');
  });

  it('are less sure behind a shell command, and said to be so', async () => {
    const session = new FileSession();
    const first = session.prompt();
    const [call, result] = session.edit(a, 'one', 'two', { original: 'one\n' });
    session.delta(first, call, 'a.txt', session.copy('aa@v1', 'one\n'));
    const [, ran] = session.call('Bash', { stdout: '', stderr: '' });
    session.say();
    expect(await told(await placed(session, within('after', result)))).toEqual({ 'a.txt': 'exact 644: "two\\n"' });
    const behind = await placed(session, within('after', ran));
    expect(await told(behind)).toEqual({ 'a.txt': 'likely 644: "two\\n"' });
    expect(behind.warnings).toEqual([expect.stringContaining('Shell commands ran')]);
  });

  it('follow the fork point', () => {
    const { session, afterSecond } = stage();
    const tree = session.transcript.tree();
    expect(momentOf(resolveCut(tree, { turn: 1 }).point)).toEqual({ turn: 1, side: 'before' });
    expect(momentOf(resolveCut(tree, { after: afterSecond }).point)).toEqual(within('after', afterSecond));
  });
});

describe('what the recorded course changed', () => {
  const stored = new Map<string, Uint8Array>();
  const put = async (bytes: Uint8Array) => {
    const oid = createHash('sha1').update(bytes).digest('hex');
    stored.set(oid, bytes);
    return oid;
  };

  it('is the difference of two states, with what can’t be known said', async () => {
    const { session } = stage();
    const before = await placed(session, { turn: 1, side: 'before' });
    const after = await placed(session, { turn: 1, side: 'after' });
    const one: PlacedFiles['files'][number] = {
      path: `${folder}/one-sided`,
      content: null,
      mode: null,
      certainty: 'exact',
    };
    after.files.push(one, { ...one, path: `${folder}/gone` });
    before.files.push({
      path: `${folder}/gone`,
      content: await blobs.put({ base64: 'eA==' }),
      mode: '644',
      certainty: 'exact',
    });
    const set = await recordedChanges({ root: folder, before, after, readBlob: bytesOf, put });
    const shown = set.changes.map(({ path, before: from, after: to }) => [
      path,
      ...[from, to].map((version) =>
        version === null
          ? null
          : `${version.mode} ${Buffer.from(stored.get(version.oid) ?? []).toString()} ${version.bytes}`,
      ),
    ]);
    expect(shown).toEqual([
      ['a.txt', '100755 one\r\ntwo\r\n 10', '100755 eins\r\nzwei\r\n 12'],
      ['gone', '100644 x 1', null],
      ['new.txt', null, '100644 fresh\n 6'],
    ]);
    expect(set.notes).toEqual(['Known at one end of the recorded course only, and left out: one-sided']);
  });
});
