import fc from 'fast-check';
import { it } from 'vitest';
import { readingProperties } from '../../../support/readingProperties.ts';

it.each(Object.entries(readingProperties))(
  '%s',
  async (_name, property) => {
    await fc.assert(property(), { numRuns: 100 });
  },
  30_000,
);
