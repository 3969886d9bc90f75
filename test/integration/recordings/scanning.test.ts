import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { TranscriptScan } from '../../../src/adapters/sessions/transcriptScan.ts';
import { summarizeTranscript } from '../../../src/adapters/sessions/transcriptSummary.ts';
import { parseTranscript } from '../../../src/core/session/parseTranscript.ts';
import { labelOf } from '../../support/openRecordings.ts';
import { recordEverySession } from '../../support/recordSessions.ts';

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
