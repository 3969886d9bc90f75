import type { Figures } from './measure.ts';

/** A row of the table that `npm run bench` prints. */
export interface BenchRow {
  job: string;
  ours: string;
  peer: string;
  /** Ours divided by the peer's, or the figure that the goal is about. */
  ratio: string;
  goal: string;
  reached: boolean | null;
}

export const ms = (value: number) => (value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(1)} ms`);
export const mb = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
export const times = (ratio: number) => `${ratio.toFixed(ratio < 0.1 ? 3 : 2)} ×`;

/** The most that ours may be, as a multiple of the peer's. */
export interface Limits {
  time?: number;
  memory?: number;
}

/** Whole processes beside each other: time from start to end, peak memory. */
export function wholeRow(job: string, ours: Figures, peerName: string, peer: Figures, limits: Limits = {}): BenchRow {
  const time = ours.wallMs / peer.wallMs;
  const memory = ours.peakBytes === null || peer.peakBytes === null ? null : ours.peakBytes / peer.peakBytes;
  const shown = (figures: Figures) =>
    figures.peakBytes === null ? ms(figures.wallMs) : `${ms(figures.wallMs)}, ${mb(figures.peakBytes)}`;
  const goals = [
    ...(limits.time === undefined ? [] : [`≤ ${limits.time} × time`]),
    ...(limits.memory === undefined ? [] : [`≤ ${limits.memory} × memory`]),
  ];
  const kept =
    (limits.time === undefined || time <= limits.time) &&
    (limits.memory === undefined || (memory !== null && memory <= limits.memory));
  return {
    job,
    ours: shown(ours),
    peer: `${peerName} ${shown(peer)}`,
    ratio: `${times(time)} time${memory === null ? '' : `, ${times(memory)} memory`}`,
    goal: goals.join(', '),
    reached: goals.length === 0 ? null : kept,
  };
}

/** Times taken inside running processes, in milliseconds: what a window that is open anyway waits. */
export function callRow(job: string, ourMs: number, peerName: string, peerMs: number, limit: number | null): BenchRow {
  const ratio = ourMs / peerMs;
  return {
    job: `${job}, in a running process`,
    ours: ms(ourMs),
    peer: `${peerName} ${ms(peerMs)}`,
    ratio: `${times(ratio)} time`,
    goal: limit === null ? '' : `≤ ${limit} × time`,
    reached: limit === null ? null : ratio <= limit,
  };
}

export function printTable(rows: readonly BenchRow[]): void {
  const header = { job: 'job', ours: 'Forkpoint', peer: 'beside', ratio: 'ratio', goal: 'goal', reached: null };
  const cells = [header, ...rows].map(({ job, ours, peer, ratio, goal, reached }) => [
    job,
    ours,
    peer,
    ratio,
    goal,
    reached === null ? '' : reached ? 'reached' : 'NOT reached',
  ]);
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0))) ?? [];
  for (const line of cells) {
    const padded = line.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    console.log(padded.join('  ').trimEnd());
  }
}
