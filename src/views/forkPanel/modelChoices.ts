import { modelName } from '../../core/format.ts';
import type { ModelChoice } from './protocol.ts';

/** Models to offer, each once, the nearest source first. Claude Code's placeholders such as `<synthetic>` are no models. */
export function modelChoices(sources: readonly { source: string; ids: readonly (string | null)[] }[]): ModelChoice[] {
  const choices = new Map<string, ModelChoice>();
  for (const { source, ids } of sources) {
    for (const id of ids) {
      if (id === null || id.trim() === '' || id.startsWith('<') || choices.has(id)) continue;
      choices.set(id, { id, name: modelName(id), source });
    }
  }
  return [...choices.values()];
}
