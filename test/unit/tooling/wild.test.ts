import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Finding, wildFindings } from '../../../scripts/wild.ts';
import { TranscriptBuilder } from '../../support/transcript.ts';

const secret = 'nobody must read this';

type Written = Pick<TranscriptBuilder, 'sessionId' | 'text'>;

/** @param copied what lies in a second project's folder */
async function findingsIn(builders: readonly Written[], copied: readonly Written[] = []): Promise<Finding[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'wild-'));
  try {
    for (const [name, written] of Object.entries({ '-work': builders, '-other': copied })) {
      const project = path.join(folder, 'projects', name);
      mkdirSync(project, { recursive: true });
      for (const builder of written) writeFileSync(path.join(project, `${builder.sessionId}.jsonl`), builder.text());
    }
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

test('finds damaged lines, ids of two conversations, and what is left out', async () => {
  const torn = sound('torn');
  const text = torn.text().replace(`"content":"${secret}"}`, `"content":"${secret}`);
  const passed = sound('passed');
  passed.goTo('u2').prompt(secret);
  const twice = sound('twice');
  const edited = { sessionId: 'twice', text: () => twice.text().replace(secret, `${secret}!`) };
  const findings = await findingsIn([{ sessionId: 'torn', text: () => text }, passed, twice], [edited]);
  const found = findings.map(({ session, kind, where }) => `${session} ${kind}: ${where}`).sort();
  expect(found).toEqual([
    'passed left out: turn 2: 1 message that the recording went on without (line 5)',
    expect.stringMatching(/^torn damage: 1, the first at line 1: \w+$/),
    'twice two conversations: 2 files',
  ]);
  expect(JSON.stringify(findings)).not.toContain(secret);
});
