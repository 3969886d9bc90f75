// `npm run fuzz [-- --minutes N --seed S]`: random sessions, random damage, for minutes. Exits with 1 on the first find.
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { forkProperties } from '../test/support/forkProperties.ts';
import { readingProperties } from '../test/support/readingProperties.ts';
import { sessionProperties } from '../test/support/sessionProperties.ts';

const { minutes, firstSeed } = given();

function given(): { minutes: number; firstSeed: number } {
  try {
    const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
    const asked = { minutes: Number(values.minutes ?? 2), firstSeed: Number(values.seed ?? Date.now() % 2 ** 31) };
    if (asked.minutes > 0 && Number.isInteger(asked.firstSeed)) return asked;
  } catch {
    // An argument that there is not.
  }
  console.error('Usage: npm run fuzz -- [--minutes N] [--seed S]');
  process.exit(2);
}

const properties = { ...sessionProperties, ...readingProperties, ...forkProperties };
/** Examples a round; a round of all properties takes some seconds. */
const numRuns = 300;
const end = performance.now() + minutes * 60_000;
let examples = 0;
for (let seed = firstSeed; performance.now() < end; seed += 1) {
  for (const [name, property] of Object.entries(properties)) {
    const details = await fc.check(property(), { seed, numRuns });
    examples += details.numRuns;
    if (details.failed) {
      console.error(`\n${name}\n${String(details.errorInstance)}\n${fc.defaultReportMessage(details)}`);
      console.error(`\nFound with seed ${seed}. Again: npm run fuzz -- --seed ${seed}`);
      process.exit(1);
    }
  }
  if (process.stdout.isTTY) process.stdout.write(`\r${examples} examples, seed ${seed}`);
}
console.log(
  `\n${examples} examples of ${Object.keys(properties).length} properties from seed ${firstSeed} on: nothing found.`,
);
