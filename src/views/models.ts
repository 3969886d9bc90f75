import { modelName } from '../core/format.ts';
import type { SessionSummary } from '../core/session/recordedSession.ts';

/** A model to offer, with where it is known from. */
export interface OfferedModel {
  id: string;
  name: string;
  source: string;
}

/**
 * Models to choose from, each once: those of the session, those of the settings, then those of other sessions.
 * Claude Code's placeholders such as `<synthetic>` are no models.
 */
export function offeredModels(
  recorded: readonly string[],
  configured: readonly string[],
  sessions: readonly SessionSummary[],
): OfferedModel[] {
  const offered = new Map<string, OfferedModel>();
  const add = (ids: readonly string[], source: string) => {
    for (const id of ids) {
      if (!id.startsWith('<') && !offered.has(id)) offered.set(id, { id, name: modelName(id), source });
    }
  };
  add(recorded, 'this session');
  add(configured, 'settings');
  add(
    sessions.flatMap(({ models }) => models),
    'other sessions',
  );
  return [...offered.values()];
}
