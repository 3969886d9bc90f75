// `npm run chaos [-- --runs N --seed S]`: runs on Temporal under which worker, host, command line and server are killed and the network
// is cut, at random moments. Says what was lost or done twice, and exits with 1 where something was.
import { parseArgs } from 'node:util';
import { Chaos, type Strike, seeded, strikes } from '../test/support/chaos.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '10' }, seed: { type: 'string' } } });
const [count, seed] = [Number(values.runs), Number(values.seed ?? Date.now() % 2 ** 31)];
if (!(count > 0) || !Number.isInteger(seed)) {
  console.error('Usage: npm run chaos -- [--runs N] [--seed S]');
  process.exit(2);
}
console.log(`Seed ${seed}: the same seed makes the same strikes (npm run chaos -- --runs ${count} --seed ${seed}).`);
const random = seeded(seed);
const chaos = await Chaos.begin();
try {
  let faulty = 0;
  for (let run = 1; run <= count; run += 1) {
    const order = shuffled(strikes);
    const { faults, struck, unknownCalls, ms } = await chaos.run(order, random);
    const what = struck.map(({ strike, atEvent }) => `${strike}@${atEvent}`).join(' ');
    const end = faults.length === 0 ? 'nothing lost, nothing twice' : faults.join(' ');
    console.log(`run ${run} (${(ms / 1_000).toFixed(0)} s): ${what}; ${unknownCalls} unknown calls; ${end}`);
    if (faults.length > 0) faulty += 1;
  }
  console.log(`${count - faulty} of ${count} runs are as they must be.`);
  process.exitCode = faulty === 0 ? 0 : 1;
} finally {
  await chaos.end();
}

function shuffled(all: readonly Strike[]): Strike[] {
  const left = [...all];
  return all.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
}
