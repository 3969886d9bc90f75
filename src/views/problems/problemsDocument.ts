import { oneLine, plural } from '../../core/format.ts';
import { plainText } from '../../core/plainText.ts';
import type { ParseProblem, RecordedSession } from '../../core/session/recordedSession.ts';

/** A line of the document that leads to a line of the transcript. */
export interface LineReference {
  /** 0-based line of the document. */
  at: number;
  /** Characters of that line that are the reference, from its beginning. */
  length: number;
  /** 1-based line of the transcript. */
  line: number;
}

/** What is wrong with a session's file, to read. All of it is inert. */
export interface ProblemsDocument {
  text: string;
  references: LineReference[];
}

/** More problems than these are only counted. */
const maxShown = 2_000;
const width = 100;

/** What became of the place; what was found there is the problem's own sentence. */
const outcomes: Record<ParseProblem['kind'], string> = {
  torn_line: 'Held back until the file grows',
  invalid_json: 'Skipped',
  spliced_records: 'Two writes in one line, recovered in part',
  joined_records: 'Several records in one line, all read',
  partial: 'Damaged, kept as far as it can be read',
  nul_bytes: 'Damaged, repaired',
  invalid_utf8: 'Damaged, repaired',
  not_an_object: 'Skipped',
  bad_record: 'Incomplete, read as far as it goes',
  duplicate_uuid: 'Left out',
  parent_cycle: 'Placed by its position in the file',
  missing_parent: 'Placed by its position in the file',
  too_long: 'Skipped',
  too_deep: 'Kept without its depths',
};

/** Lists every problem of a session with its line, what was found, what became of it, and what could still be read there. */
export function problemsDocument({ summary, problems }: RecordedSession): ProblemsDocument {
  const lines = [
    `Problems in “${oneLine(summary.title, 80)}”`,
    oneLine(summary.file, 1_000),
    '',
    problems.length === 0
      ? 'None: every line of the transcript could be read.'
      : `${plural(problems.length, 'problem')}. Everything else in the file was read. The recording itself is never changed.`,
  ];
  if (problems.length > 0) lines.push('Follow the link on a line number (Ctrl or Cmd and click) to see the raw line.');
  const references: LineReference[] = [];
  for (const { line, kind, detail } of problems.slice(0, maxShown)) {
    const reference = `Line ${line}`;
    lines.push('');
    references.push({ at: lines.length, length: reference.length, line });
    lines.push(`${reference}  ${outcomes[kind]}`, ...wrapped(detail));
  }
  if (problems.length > maxShown) lines.push('', `… and ${plural(problems.length - maxShown, 'more problem')}.`);
  return { text: `${lines.join('\n')}\n`, references };
}

/** Text in lines of bounded width, indented. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of withoutAddresses(plainText(text)).split(/\s+/)) {
    if (line !== '' && line.length + word.length >= width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].filter((each) => each !== '').map((each) => `    ${each}`);
}

/** Editors make links of addresses. What a recording says must not become one. */
function withoutAddresses(text: string): string {
  return text.replace(/\b(https?|file|mailto|vscode|command):/gi, '$1 :');
}
