import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { OpenSessions } from '../../../src/adapters/sessions/openSessions.ts';
import { TranscriptScan } from '../../../src/adapters/sessions/transcriptScan.ts';
import { summarizeTranscript } from '../../../src/adapters/sessions/transcriptSummary.ts';
import { doWaiting } from '../../../src/adapters/whenIdle.ts';
import { parseTranscript } from '../../../src/core/session/parseTranscript.ts';
import { MemoryOutlines } from '../../support/memoryOutlines.ts';
import { labelOf } from '../../support/openRecordings.ts';
import { recordEverySession } from '../../support/recordSessions.ts';
import { sha256 } from '../../support/transcript.ts';

let files: { file: string; label: string; isSubagent: boolean }[] = [];

beforeAll(async () => {
  files = (await recordEverySession()).flatMap((recorded) =>
    [...recorded.sessions, ...recorded.subagents].map((file) => ({
      file,
      label: labelOf(recorded, file),
      isSubagent: basename(file).startsWith('agent-'),
    })),
  );
}, 600_000);

it('every recorded file is read by the quick way as by the whole one, record by record', async () => {
  expect(files.length).toBeGreaterThan(50);
  for (const { file, label, isSubagent } of files) {
    const whole = parseTranscript(await readFile(file), { isSubagent });
    const scan = new TranscriptScan(file, { isSubagent });
    scan.update();
    const plain = (entries: typeof whole.entries) =>
      entries.map(({ line, type, uuid, parentUuid, timestamp, isSidechain, facts, message, record }) => ({
        line,
        type,
        uuid,
        parentUuid,
        timestamp,
        isSidechain,
        facts,
        message,
        record,
      }));
    expect(plain(scan.transcript.entries), label).toEqual(plain(whole.entries));
    expect(scan.transcript.problems, label).toEqual(whole.problems);
    scan.close();
  }
});

it('the list counts the turns that a whole parse finds', async () => {
  for (const { file, label } of files.filter(({ isSubagent }) => !isSubagent)) {
    const { summary } = parseTranscript(await readFile(file));
    const built = summary.build({ sessionId: basename(file, '.jsonl'), file, bytes: 0, problems: 0 });
    const listed = summarizeTranscript(file);
    expect(listed?.turns ?? 0, label).toBe(built.turns);
    expect([listed?.title, listed?.models, listed?.lastAt], label).toEqual(
      listed === null ? [undefined, undefined, undefined] : [expect.any(String), built.models, built.lastAt],
    );
  }
});

it('every recorded file is shown and forked alike when another process has understood it', async () => {
  const fidelities: string[] = [];
  for (const { file, label } of files) {
    const outlines = new MemoryOutlines();
    const first = await new OpenSessions(sha256, outlines).open(file);
    const { turns } = first.session;
    doWaiting();
    expect((await new OpenSessions(sha256, outlines).open(file)).session, label).toEqual(first.session);
    for (const { index } of turns) {
      const again = await new OpenSessions(sha256, outlines).open(file);
      const [asked, asBefore] = await Promise.all(
        [again, first].map((open) => open.forkAt({ turn: index }).catch((error: unknown) => String(error))),
      );
      expect(asked, `${label}, turn ${index}`).toEqual(asBefore);
      expect(await again.turns([index]), label).toEqual(await first.turns([index]));
      if (typeof asked === 'object') fidelities.push(asked.rebuilt.fidelity);
    }
  }
  // Exact ones are rebuilt from the beginning of the file alone.
  expect(fidelities.filter((fidelity) => fidelity === 'exact').length).toBeGreaterThan(50);
});

it('most of what was recorded is never made into values', () => {
  const parse = vi.spyOn(JSON, 'parse');
  let parsed = 0;
  let bytes = 0;
  for (const { file, isSubagent } of files) {
    const scan = new TranscriptScan(file, { isSubagent });
    scan.update();
    bytes += scan.state?.bytes ?? 0;
  }
  for (const [text] of parse.mock.calls) parsed += text.length;
  parse.mockRestore();
  expect(bytes).toBeGreaterThan(1_000_000);
  expect(parsed / bytes).toBeLessThan(0.3);
});
