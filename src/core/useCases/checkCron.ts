import { BadInputError } from '../errors.ts';

interface Field {
  name: string;
  least: number;
  most: number;
  /** Names of values, from `least` on. */
  words: readonly string[];
}

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const fields: readonly Field[] = [
  { name: 'minute', least: 0, most: 59, words: [] },
  { name: 'hour', least: 0, most: 23, words: [] },
  { name: 'day of month', least: 1, most: 31, words: [] },
  { name: 'month', least: 1, most: 12, words: months },
  // 7 is Sunday, too.
  { name: 'day of week', least: 0, most: 7, words: weekdays },
];

const nicknames = /^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$/;

/**
 * Refuses what is no cron expression of five fields (or `@daily` and the like), naming the field. The server decides what it takes;
 * this is said before anybody is asked for money.
 * @returns the expression with single spaces
 * @throws BadInputError
 */
export function checkCron(text: string): string {
  const parts = text.trim().split(/\s+/);
  const cron = parts.join(' ');
  if (nicknames.test(cron)) return cron;
  if (parts.length !== fields.length)
    throw refused(cron, `it has ${parts.length === 1 ? 'one field' : `${parts.length} fields`}, not five`);
  for (const [index, field] of fields.entries()) {
    const part = parts[index] ?? '';
    if (!part.split(',').every((item) => fits(item, field))) {
      throw refused(cron, `${JSON.stringify(part)} is no ${field.name} (${field.least} to ${field.most})`);
    }
  }
  return cron;
}

function refused(cron: string, why: string): BadInputError {
  return new BadInputError(
    `${JSON.stringify(cron)} is no cron expression: ${why}.`,
    'Write minute, hour, day of month, month and day of week, for example "0 3 * * *" (daily at 3:00) or "0 3 * * 1" (Mondays).',
    { path: 'cron' },
  );
}

/** A value, a range or `*`, each with a step or without. */
function fits(item: string, field: Field): boolean {
  const [, range = '', step] = /^([^/]+)(?:\/(\d+))?$/.exec(item) ?? [];
  if (range === '' || (step !== undefined && (Number(step) < 1 || Number(step) > field.most))) return false;
  if (range === '*') return true;
  const [from, to, ...more] = range.split('-').map((value) => valueOf(value, field));
  if (more.length > 0 || from == null || to === null) return false;
  return to === undefined || from <= to;
}

function valueOf(text: string, { least, most, words }: Field): number | null {
  const word = words.indexOf(text.toUpperCase());
  if (word >= 0) return least + word;
  if (!/^\d{1,2}$/.test(text)) return null;
  const value = Number(text);
  return value >= least && value <= most ? value : null;
}
