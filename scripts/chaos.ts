// `npm run chaos [-- --strikes a,b --runs N --seed S --every --agents N]`: runs on Temporal that are struck at random moments, or
// (`--every`) one run for each event of a run and each strike; then runs of agents, struck at each moment of an agent (`--agents 0`: none).
// Prints tables of what was lost or done twice, and exits with 1 where something was.
import { parseArgs } from 'node:util';
import { AgentChaos, type AgentReport, type AgentStrike, agentStrikes } from '../test/support/agentChaos.ts';
import { Chaos, type ChaosReport, eventsOfRun, type Planned } from '../test/support/chaos.ts';
import { allStrikes, type Strike, seeded, shuffled, strikes } from '../test/support/chaosStrikes.ts';

const options = {
  runs: { type: 'string', default: '10' },
  seed: { type: 'string' },
  strikes: { type: 'string', default: strikes.join(',') },
  every: { type: 'boolean', default: false },
  agents: { type: 'string', default: '1' },
} as const;
const { values } = parseArgs({ options });
const [count, seed] = [Number(values.runs), Number(values.seed ?? Date.now() % 2 ** 31)];
const agentRounds = Number(values.agents);
const wanted = values.strikes.split(',').filter(isStrike);
if (
  !(count >= 0 && agentRounds >= 0) ||
  !Number.isInteger(seed) ||
  wanted.length !== values.strikes.split(',').length
) {
  console.error('Usage: npm run chaos -- [--strikes LIST] [--runs N | --every] [--seed S] [--agents N]');
  for (const [name, what] of Object.entries(allStrikes)) {
    console.error(`  ${name.padEnd(10)}${what}${isStrike(name) ? '' : ' (takes root)'}`);
  }
  process.exit(2);
}
console.log(`Seed ${seed}: the same seed makes the same strikes.`);
const random = seeded(seed);
const reports: ChaosReport[] = [];
if (values.every || count > 0) await strikeRequests();
const agentReports: AgentReport[] = [];
if (agentRounds > 0) await strikeAgents();
const faulty = [...reports, ...agentReports].filter(({ faults }) => faults.length > 0).length;
const total = reports.length + agentReports.length;
console.log(`${total - faulty} of ${total} runs are as they must be.`);
process.exitCode = faulty === 0 ? 0 : 1;

async function strikeRequests(): Promise<void> {
  const chaos = await Chaos.begin();
  try {
    const all = values.every ? everyEvent() : Array.from({ length: count }, () => spread(shuffled(wanted, random)));
    for (const [index, planned] of all.entries()) {
      const report = await chaos.run(planned, random);
      reports.push(report);
      const { figures, faults, looks, ms } = report;
      const what = figures.map(({ strike, atEvent }) => `${strike}@${atEvent}`).join(' ');
      const which = `run ${index + 1} of ${all.length} (${(ms / 1_000).toFixed(0)} s, ${looks} looks)`;
      console.log(`${which}: ${what}; ${endOf(faults)}`);
    }
  } finally {
    await chaos.end();
  }
  printTable();
}

async function strikeAgents(): Promise<void> {
  const chaos = await AgentChaos.begin();
  try {
    for (let round = 0; round < agentRounds; round += 1) {
      for (const strike of Object.keys(agentStrikes) as AgentStrike[]) {
        const report = await chaos.run(strike);
        agentReports.push(report);
        console.log(`${agentStrikes[strike]}: ${endOf(report.faults)}`);
      }
    }
  } finally {
    await chaos.end();
  }
  console.table(agentReports.map(({ faults, ...row }) => ({ ...row, faults: faults.length })));
}

function endOf(faults: readonly string[]): string {
  return faults.length === 0 ? 'nothing lost, nothing twice' : faults.join(' ');
}

function isStrike(name: string): name is Strike {
  return (strikes as string[]).includes(name);
}

/** Over the length of a run. */
function spread(order: readonly Strike[]): Planned[] {
  const momentOf = (index: number): number => Math.floor(((index + random()) * eventsOfRun) / order.length);
  return order.map((strike, index) => ({ strike, atEvent: momentOf(index) }));
}

function everyEvent(): Planned[][] {
  return wanted.flatMap((strike) => Array.from({ length: eventsOfRun - 1 }, (_, atEvent) => [{ strike, atEvent }]));
}

/** Orphans count with the last strike of their run. */
function printTable(): void {
  const rows = wanted.map((strike) => {
    const own = reports.flatMap(({ figures }) => figures.filter((figure) => figure.strike === strike));
    const sum = (of: 'underWay' | 'unknown' | 'lost' | 'doubles'): number =>
      own.reduce((total, figure) => total + figure[of], 0);
    const last = reports.filter(({ figures }) => figures.at(-1)?.strike === strike);
    return {
      strike,
      times: own.length,
      'calls under way': sum('underWay'),
      'unknown calls': sum('unknown'),
      'lost results': sum('lost'),
      doubles: sum('doubles'),
      orphans: last.reduce((total, { orphans }) => total + orphans, 0),
    };
  });
  console.table(Object.fromEntries(rows.map(({ strike, ...row }) => [strike, row])));
}
