import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Finding, wildFindings } from '../../../scripts/wild.ts';
import { TranscriptBuilder } from '../../support/transcript.ts';

const secret = 'nobody must read this';

async function findingsIn(builders: readonly TranscriptBuilder[]): Promise<Finding[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'wild-'));
  try {
    const project = path.join(folder, 'projects', '-work');
    mkdirSync(project, { recursive: true });
    for (const builder of builders) writeFileSync(path.join(project, `${builder.sessionId}.jsonl`), builder.text());
    const findings: Finding[] = [];
    for await (const finding of wildFindings(folder)) findings.push(finding);
    return findings;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function sound(sessionId: string): TranscriptBuilder {
  const builder = new TranscriptBuilder({ sessionId });
  builder.prompt(secret);
  builder.reply(secret, [{ id: 'call-1' }]);
  builder.reply(secret);
  return builder;
}

test('finds nothing in a folder in which nothing is wrong', async () => {
  expect(await findingsIn([sound('sound')])).toEqual([]);
});

test('finds what was planted, and tells nothing of what was said', async () => {
  const unreachable = new TranscriptBuilder({ sessionId: 'reply' });
  unreachable.reply(secret);
  unreachable.prompt(secret);
  const larger = sound('larger');
  larger.prompt(secret);
  larger.reply(secret);
  const last = larger.lines.at(-1)?.message as { usage: { input_tokens: number } };
  last.usage = { ...last.usage, input_tokens: 90_000 };
  const markup = sound('markup');
  markup.lines.push({ type: 'ai-title', aiTitle: '<task-notification> done' });
  const findings = await findingsIn([unreachable, larger, markup]);
  expect(findings.map(({ session, kind, where }) => `${session} ${kind}: ${where}`).sort()).toEqual([
    'larger size: turn 2: 90.1k recorded, 147 rebuilt',
    'markup title is markup: title',
    'reply reply in no turn: 1, the first at line 1, 5 tokens',
  ]);
  expect(JSON.stringify(findings)).not.toContain(secret);
});
