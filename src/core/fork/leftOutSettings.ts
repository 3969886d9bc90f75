import type { Executor } from '../agent/agentSettings.ts';
import { listed } from '../format.ts';
import { agentKeys, type RunSettings, runSettingsSchema } from './forkRequest.ts';

const defaults = runSettingsSchema.parse({});

/** Settings of the other executor, which say nothing where this one answers. What is as by default can't be told from not given. */
export function leftOutSettings(settings: RunSettings, executor: Executor): string[] {
  if (executor === 'api') return agentKeys.filter((key) => settings[key] !== undefined);
  const { tools, maxSteps } = settings;
  return [...(tools === defaults.tools ? [] : ['tools']), ...(maxSteps === defaults.maxSteps ? [] : ['maxSteps'])];
}

/** What a person must know of them; null where there are none. */
export function leftOutNote(settings: RunSettings, executor: Executor): string | null {
  const left = leftOutSettings(settings, executor);
  if (left.length === 0) return null;
  const why = executor === 'api' ? 'The Messages API executes nothing' : 'Claude Code carries its calls out by itself';
  return `${why}: ${listed(left, 'and')} ${left.length === 1 ? 'is' : 'are'} left out.`;
}
