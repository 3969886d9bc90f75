import * as z from 'zod';
import { type CheckSpec, checkSpecSchema, type PermissionPolicy } from '../core/agent/agentSettings.ts';
import { oneLine } from '../core/format.ts';

/** What the settings say of branches that Claude Code answers. */
export interface AgentDefaults {
  checks: CheckSpec[];
  setup: string[];
  teardown: string[];
  /** Patterns of ignored files that a worktree gets copies of. */
  include: string[];
  /** Agents that work at once. */
  concurrency: number;
  /** Going on without asking is never a default. */
  permissions: Exclude<PermissionPolicy, 'bypass'>;
}

const checkSettingSchema = z.union([
  z.string().transform((run) => ({ run })),
  z.object({ name: z.string().optional(), run: z.string(), timeoutSeconds: z.number().optional() }),
]);

/** The checks of a setting, each a command or `{ name, run, timeoutSeconds }`; what is none is left out. */
export function checksOf(setting: unknown): CheckSpec[] {
  if (!Array.isArray(setting)) return [];
  const checks = setting.flatMap((item) => {
    const given = checkSettingSchema.safeParse(item);
    if (!given.success) return [];
    const check = checkSpecSchema.safeParse({ ...given.data, name: checkName(given.data) });
    return check.success ? [check.data] : [];
  });
  const names = new Set<string>();
  return checks.filter(({ name }) => !names.has(name) && names.add(name));
}

/** A check without a name of its own is called by its command. */
export function checkName({ name, run }: { name?: string | undefined; run: string }): string {
  return oneLine(name?.trim() || run, 80);
}
