import fc from 'fast-check';
import { it } from 'vitest';
import { sessionProperties } from '../../../support/sessionProperties.ts';

it.each(Object.entries(sessionProperties))('%s', async (_name, property) => {
  await fc.assert(property(), { numRuns: 250 });
});
