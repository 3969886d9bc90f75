import { sha256 } from './adapters/sha256.ts';
import { createScheduleService, type ScheduleServiceDeps } from './core/useCases/createScheduleService.ts';
import type { ScheduleEngine, ScheduleService } from './core/useCases/schedules.ts';
import type { TemporalSettings } from './orchestration/temporal/temporalSettings.ts';

type DisposableEngine = ScheduleEngine & { dispose(): Promise<void> };

/** Constructs what schedules need. Contacts nothing before it is used. */
export function createScheduling({
  settings,
  ...deps
}: Omit<ScheduleServiceDeps, 'engine' | 'sha256' | 'timezone'> & { settings: TemporalSettings }): {
  schedules: ScheduleService;
  dispose(): Promise<void>;
} {
  let made: Promise<DisposableEngine> | null = null;
  const engine = (): Promise<DisposableEngine> => {
    made ??= import('./orchestration/temporal/schedules/temporalSchedules.ts').then(({ createTemporalSchedules }) =>
      createTemporalSchedules({ settings, blobs: deps.blobs }),
    );
    return made;
  };
  const timezone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
  return {
    schedules: createScheduleService({ ...deps, sha256, engine, timezone }),
    async dispose() {
      await (await made)?.dispose();
    },
  };
}
