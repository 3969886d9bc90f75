import { describe, expect, it } from 'vitest';
import { BadInputError } from '../../../../src/core/errors.ts';
import { checkCron } from '../../../../src/core/useCases/checkCron.ts';

describe('a cron expression', () => {
  it.each([
    ['0 3 * * *', '0 3 * * *'],
    ['  */15   0-6,12 1 JAN-mar,12 mon-fri ', '*/15 0-6,12 1 JAN-mar,12 mon-fri'],
    ['5/20 3 31 * 7', '5/20 3 31 * 7'],
    ['@weekly', '@weekly'],
  ])('is taken: %j', (given, cron) => expect(checkCron(given)).toBe(cron));

  it.each([
    ['', 'it has one field, not five'],
    ['0 3 * *', 'it has 4 fields, not five'],
    ['60 3 * * *', '"60" is no minute (0 to 59)'],
    ['0 3-1 * * *', '"3-1" is no hour (0 to 23)'],
    ['0 3 0 * *', '"0" is no day of month (1 to 31)'],
    ['0 3 * 13 *', '"13" is no month (1 to 12)'],
    ['0 3 * * 1,fun', '"1,fun" is no day of week (0 to 7)'],
    ['*/0 * * * *', '"*/0" is no minute (0 to 59)'],
    ['0 1-2-3 * * *', '"1-2-3" is no hour (0 to 23)'],
    ['@nightly', 'it has one field, not five'],
  ])('is refused with its field: %j', (given, why) => {
    try {
      checkCron(given);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(BadInputError);
      expect(error).toMatchObject({ details: { path: 'cron' }, hint: expect.stringContaining('0 3 * * *') });
      expect(String(error)).toContain(why);
    }
  });
});
