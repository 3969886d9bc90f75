import { sha256 } from './adapters/sha256.ts';
import { createScheduleService, type ScheduleServiceDeps } from './core/useCases/createScheduleService.ts';
import type { ScheduleService } from './core/useCases/schedules.ts';
import type { TemporalSettings } from './orchestration/temporal/temporalSettings.ts';

type Engine = ReturnType<
  typeof import('./orchestration/temporal/schedules/temporalSchedules.ts').createTemporalSchedules
>;

/** Constructs what schedules need. Contacts nothing before it is used. */
export function createScheduling({
  settings,
  ...deps
}: Omit<ScheduleServiceDeps, 'engine' | 'sha256' | 'timezone'> & { settings: TemporalSettings }): {
  schedules: ScheduleService;
  dispose(): Promise<void>;
} {
  let made: Promise<Engine> | null = null;
  const engine = (): Promise<Engine> => {
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
