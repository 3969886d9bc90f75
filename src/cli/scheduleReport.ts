import { absoluteTime, messageWithHint, oneLine, relativeTime } from '../core/format.ts';
import { describeRunChanges } from '../core/run/runChanges.ts';
import type { ScheduleView } from '../core/useCases/schedules.ts';
import { table } from './table.ts';

/** Schedules as a table, and below it what their last runs changed. */
export function schedulesTable(schedules: readonly ScheduleView[], now: number): string {
  const rows = schedules.map(({ name, cron, timezone, paused, next, last, sessions }) => [
    name,
    `${cron} ${timezone}`,
    paused ? 'paused' : absoluteTime(next),
    String(sessions.length),
    last === null ? 'never ran' : `${last.state} · ${relativeTime(last.at, now)}`,
    last?.runId ?? '',
  ]);
  const below = schedules.flatMap(({ name, last }) => [
    ...(last?.error == null ? [] : [`${name}: ${oneLine(messageWithHint(last.error), 400)}`]),
    ...(last?.runs ?? []).flatMap(({ runId, changes }) =>
      changes === null ? [] : [`${name}, ${runId} since ${changes.previous}: ${describeRunChanges(changes)}`],
    ),
  ]);
  return [table(['NAME', 'CRON', 'NEXT', 'RUNS', 'LAST', 'RUN'], rows, ['RUNS']), ...below].join('\n');
}
