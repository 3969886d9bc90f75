import { messageWithHint, money, moneyRange, oneLine, plural, relativeTime } from '../../core/format.ts';
import { describeRunChanges } from '../../core/run/runChanges.ts';
import type { AgainPreview } from '../../core/useCases/forkService.ts';
import type { ScheduleView } from '../../core/useCases/schedules.ts';

/** What a row of the list of schedules says beside the name. */
export function scheduleDescription({ cron, timezone, paused, next }: ScheduleView): string {
  const when = paused ? 'paused' : next === null ? 'never again' : `next ${localTime(next)}`;
  return `${cron} ${timezone} · ${when}`;
}

/** What its last firing came to. */
export function lastText({ last }: ScheduleView, now: number): string {
  if (last === null) return 'has not run yet';
  if (last.error !== null) return `failed: ${messageWithHint(last.error)}`;
  const changes = last.runs.flatMap((run) => (run.changes === null ? [] : [describeRunChanges(run.changes)]));
  const since = changes.length === 0 ? [] : [`since the run before: ${changes.join('; ')}`];
  return [`last run ${last.state} · ${relativeTime(last.at, now)}`, ...since].join(' · ');
}

/** What each firing sends and may cost, for a dialog. */
export function firingDetail(
  { branches, host, billed, costUsd }: AgainPreview,
  { executor, budgetUsd, isTold }: { executor: 'api' | 'claude-code'; budgetUsd: number | null; isTold: string },
): string {
  const count = plural(branches.length, 'branch', 'branches');
  const sent = !billed
    ? `Each time: ${count}, answered by the offline demo model, free.`
    : executor === 'api'
      ? `Each time: at least ${plural(branches.length, 'request')} to ${host ?? 'the API'}, ${moneyRange(costUsd)}.`
      : `Each time: ${count} answered by Claude Code on this machine.`;
  const budget = budgetUsd === null ? 'Its runs have no budget.' : `Budget of each run: ${money(budgetUsd)}.`;
  const worker = 'A Temporal worker has to be there when it fires; until then the run waits.';
  return [isTold, '', sent, billed ? budget : '', worker].filter((line, at) => at === 1 || line !== '').join('\n');
}

/** Local date and time without seconds: `2026-12-01 03:00`. */
export function localTime(iso: string): string {
  const at = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** Common crons with what they mean. */
export const cronPresets: readonly { cron: string; label: string }[] = [
  { cron: '0 3 * * *', label: 'Every night at 3:00' },
  { cron: '0 3 * * 1', label: 'Every Monday at 3:00' },
  { cron: '0 3 1 * *', label: 'On the first of each month at 3:00' },
  { cron: '0 * * * *', label: 'Every hour' },
];

/** `Run “Now handle emoji” every night at 3:00 (0 3 * * *)?` */
export function scheduleQuestion(title: string, cron: string): string {
  const label = cronPresets.find((preset) => preset.cron === cron)?.label;
  const when = label === undefined ? `at ${cron}` : `${label.charAt(0).toLowerCase()}${label.slice(1)} (${cron})`;
  return `Run “${oneLine(title, 60)}” ${when}?`;
}
