import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TranscriptBuilder } from './transcript.ts';

/** A session that holds one of the faults of test/FAULTS.md, and what must still be read of it. */
export interface FaultySession {
  fault: number;
  sessionId: string;
  file: string;
  /** In file order. */
  prompts: string[];
  /** Of the messages that must not be lost. */
  uuids: string[];
  /** Whether the damage must be named. */
  isNamed: boolean;
}

type Write = (lines: readonly string[]) => string | Uint8Array;

interface Shape {
  fault: number;
  write: Write;
  /** Lines (from 1) whose message the damage has taken. */
  lost?: number[];
  isNamed?: boolean;
}

const encoder = new TextEncoder();
const file = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
/** The lines with one of them (from 1) changed; several come of it where an array is given back. */
const changed =
  (at: number, change: (line: string) => string | string[]): Write =>
  (lines) =>
    file(lines.flatMap((line, index) => (index === at - 1 ? change(line) : line)));
const withMember = (member: string) => (line: string) => line.replace('{', `{${member},`);
const half = (line: string): string => line.slice(0, line.indexOf('"content"') + 20);

/** Of ten lines: 1 prompt, 2 and 3 reply with a call, 4 result, 5 reply, 6 prompt, 7 reply, 8 prompt, 9 reply, 10 a spare line. */
const shapes: Shape[] = [
  { fault: 1, write: (lines) => file(lines.slice(0, -1)) + half(lines.at(-1) ?? ''), lost: [10], isNamed: true },
  { fault: 2, write: (lines) => lines.join('\n') },
  { fault: 3, write: changed(5, (line) => half(line) + line), isNamed: true },
  { fault: 4, write: (lines) => file([lines.slice(0, 3).join(''), ...lines.slice(3)]), isNamed: true },
  { fault: 5, write: changed(5, (line) => ['\0'.repeat(512), line]), isNamed: true },
  { fault: 5, write: changed(7, (line) => line.replace('I changed', 'I\0\0\0changed')), isNamed: true },
  { fault: 6, write: changed(5, (line) => ['what is this?', line]), isNamed: true },
  { fault: 6, write: changed(6, (line) => `${line}xyz`), isNamed: true },
  { fault: 7, write: (lines) => `\r\n\n${lines.join('\r\n\r\n')}\r\n` },
  { fault: 8, write: (lines) => `\uFEFF${file(lines.slice(0, 5))}\uFEFF${file(lines.slice(5))}` },
  { fault: 9, write: (lines) => Buffer.from(`\uFEFF${file(lines)}`, 'utf16le') },
  { fault: 9, write: (lines) => Buffer.from(file(lines), 'utf16le').swap16() },
  { fault: 10, write: (lines) => withByte(file(lines), 'I changed', 0xff), isNamed: true },
  { fault: 11, write: changed(7, (line) => line.replace('I changed', 'I \\ud800 changed')) },
  // Shorter than the tests of its own have it: here it is printed again and again.
  { fault: 12, write: changed(4, (line) => line.replace('"done"', JSON.stringify('A'.repeat(1_000_000)))) },
  {
    fault: 14,
    write: changed(2, withMember(`"more":${'{"a":['.repeat(20_000)}1${']}'.repeat(20_000)}`)),
    isNamed: true,
  },
  { fault: 15, write: changed(5, (line) => ['5', 'null', '"text"', '[1,2]', line]), isNamed: true },
  { fault: 16, write: changed(5, (line) => [line, '{"type":"from-the-future","deep":{"x":[1,null]}}']) },
  { fault: 17, write: changed(5, (line) => line.replace(/"content":\[[^\]]*\]/, '"content":7')), isNamed: true },
  {
    fault: 17,
    write: changed(9, (line) => line.replace(/"message":\{.*?\},"uuid"/, '"message":null,"uuid"')),
    isNamed: true,
  },
  { fault: 18, write: changed(5, (line) => [line, line]), isNamed: true },
  {
    fault: 19,
    write: changed(2, (line) => line.replace(/"parentUuid":"[^"]*"/, `"parentUuid":${uuidIn(line)}`)),
    isNamed: true,
  },
  {
    fault: 20,
    write: changed(6, (line) => line.replace(/"parentUuid":"[^"]*"/, '"parentUuid":"nobody"')),
    isNamed: true,
  },
  { fault: 21, write: (lines) => file(lines.map((line, at) => line.replace(/"timestamp":"[^"]*"/, oddTime(at)))) },
  { fault: 22, write: changed(6, withMember('"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}')) },
];

function uuidIn(line: string): string {
  return /"uuid":("[^"]*")/.exec(line)?.[1] ?? 'null';
}

function oddTime(at: number): string {
  const times = [
    '"2026-05-05T10:00:00.000Z"',
    '"yesterday"',
    '""',
    '"1970-01-01T00:00:00.000Z"',
    '"9999999-01-01"',
    '7',
  ];
  return `"timestamp":${times[at % times.length]}`;
}

function withByte(text: string, before: string, byte: number): Uint8Array {
  const bytes = encoder.encode(text);
  bytes[encoder.encode(text.slice(0, text.indexOf(before))).length + 1] = byte;
  return bytes;
}

function conversation(sessionId: string): TranscriptBuilder {
  const builder = new TranscriptBuilder({ sessionId, uuidOf: (serial) => `${sessionId}-${serial}` });
  builder.prompt('Why does slugify drop accents?');
  builder.reply('I look.', [{ id: `call-${sessionId}`, input: { file_path: '/work/slug-tools/slug.ts' } }]);
  builder.reply('Because it strips everything.');
  builder.prompt('Fix it ☃');
  builder.reply('I changed the pattern.');
  builder.prompt(`And now? Say ${sessionId}.`);
  builder.reply('Nothing more.');
  builder.prompt('The last words');
  return builder;
}

/**
 * Fills a config folder with a session for each fault of a transcript, and with what folders may hold that is no session.
 * @param claudeDir an empty folder
 */
export function writeFaultFolder(claudeDir: string): FaultySession[] {
  const project = join(claudeDir, 'projects', '-work-slug-tools');
  mkdirSync(project, { recursive: true });
  // 23 no message, 26 a folder with a transcript's name, 27 links that lead in a circle.
  writeFileSync(join(project, 'metadata.jsonl'), '{"type":"mode","mode":"normal","sessionId":"metadata"}\n');
  writeFileSync(join(project, 'empty.jsonl'), '');
  mkdirSync(join(project, 'folder.jsonl'));
  symlinkSync(join(project, 'loop.jsonl'), join(project, 'loop.jsonl'));
  return shapes.map(({ fault, write, lost = [], isNamed = false }, index) => {
    const sessionId = `fault-${String(fault).padStart(2, '0')}-${index}`;
    const { lines } = conversation(sessionId);
    const path = join(project, `${sessionId}.jsonl`);
    writeFileSync(path, write(lines.map((line) => JSON.stringify(line))));
    const kept = lines.filter((_line, at) => !lost.includes(at + 1));
    const texts = kept.map(({ type, message }) => (type === 'user' ? (message as { content: unknown }).content : null));
    return {
      fault,
      sessionId,
      file: path,
      prompts: texts.filter((text) => typeof text === 'string'),
      uuids: kept.map(({ uuid }) => String(uuid)),
      isNamed,
    };
  });
}
