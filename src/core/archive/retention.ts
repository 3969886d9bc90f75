/** What Claude Code keeps a transcript after its last change where nothing else is set, in days. */
const defaultDays = 30;
/** From how many days before its end on a session is pointed out. */
const warningDays = 5;
const dayMs = 24 * 60 * 60 * 1000;

/**
 * How long Claude Code keeps the sessions of a config folder.
 * @param settings content of its `settings.json`; null where there is none or it can't be read as JSON
 * @returns days; null where Claude Code sweeps nothing: it does so only with settings that it accepts
 */
export function retentionDays(settings: unknown): number | null {
  if (settings === null || typeof settings !== 'object' || !('cleanupPeriodDays' in settings)) return defaultDays;
  const days = settings.cleanupPeriodDays;
  // 0 once meant "write none", newer versions refuse it; with a refused value the sweep does not run.
  return typeof days === 'number' && Number.isInteger(days) && days >= 1 ? days : null;
}

/**
 * When Claude Code may delete a session at the earliest: at its first start after that.
 * @param modifiedAt ISO 8601 time of the file's last change
 */
export function expiryOf(modifiedAt: string | null, days: number | null): string | null {
  if (modifiedAt === null || days === null) return null;
  const at = Date.parse(modifiedAt) + days * dayMs;
  // Very long periods lie beyond what a date can say: as good as never.
  return Number.isNaN(at) || at > 8.64e15 ? null : new Date(at).toISOString();
}

/** What of a summary says whether it is about to be lost. */
export interface Expiring {
  kept: boolean;
  archived: boolean;
  expiresAt: string | null;
}

/**
 * Whole days until a session may be deleted, where that is near and no copy of it is kept.
 * @param now milliseconds since the epoch
 * @returns null where there is nothing to warn of; 0 where it may be deleted today
 */
export function daysUntilLost({ kept, archived, expiresAt }: Expiring, now: number): number | null {
  if (kept || archived || expiresAt === null) return null;
  const days = Math.floor((Date.parse(expiresAt) - now) / dayMs);
  return days < warningDays ? Math.max(0, days) : null;
}

/** Of many sessions those that `daysUntilLost` warns of. Quick: it runs over all sessions whenever one of them grows. */
export function aboutToBeLost<Session extends Expiring>(sessions: readonly Session[], now: number): Session[] {
  const limit = new Date(now + warningDays * dayMs).toISOString();
  // Times of one form, so their texts sort as they do.
  const near = sessions.filter(({ expiresAt }) => expiresAt !== null && expiresAt < limit);
  return near.filter((session) => daysUntilLost(session, now) !== null);
}

/** When a session may be deleted: `goes today`, `goes tomorrow`, `goes in 3 days`. @param days whole days until then */
export function goesText(days: number): string {
  if (days === 0) return 'goes today';
  return days === 1 ? 'goes tomorrow' : `goes in ${days} days`;
}
