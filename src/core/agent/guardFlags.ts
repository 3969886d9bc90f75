import type { Place } from './agentPorts.ts';
import { pathOf } from './permissionPolicy.ts';

type Guarded = Pick<Place, 'path' | 'userFolders' | 'isConfined'>;

/**
 * Flags that keep Claude Code's file tools away from the user's own tree, where the place lies elsewhere: rules of the user's
 * settings may let writes through that nobody is asked about. Where the system refuses such a write anyway, it is asked about
 * whatever rule or hook allows the tool, and our refusal tells the agent where it works (unless a PermissionRequest hook of the
 * user's answers first: then the system refuses); elsewhere a rule denies it, which no hook can undo.
 * A path that can't be said in a rule is left out.
 */
export function guardFlags({ userFolders, isConfined }: Guarded): string[] {
  const rules = userFolders.flatMap((folder) => writeRule(folder) ?? []);
  if (rules.length === 0) return [];
  if (!isConfined) return ['--disallowedTools', ...rules];
  return ['--settings', JSON.stringify({ permissions: { ask: rules } })];
}

/** Why a call was denied that our own rules deny; null where they don't. */
export function whyGuarded({ path, userFolders }: Guarded, tool: string, input: unknown): string | null {
  const file = input !== null && typeof input === 'object' ? pathOf(tool, { ...input }) : null;
  if (file === null || !userFolders.some((folder) => slashed(file).startsWith(`${slashed(folder)}/`))) return null;
  return `${file} was not changed: it is the project’s own, which branches leave alone. Change files below ${path} only.`;
}

function writeRule(folder: string): string | null {
  const rooted = slashed(folder).replace(/^([A-Za-z]):/, (_, drive: string) => `/${drive.toLowerCase()}`);
  // Rules are patterns as of a .gitignore: what has a meaning there can't be named.
  if (!rooted.startsWith('/') || /[*?![\](){}"'\n]/.test(rooted)) return null;
  return `Edit(/${rooted}/**)`;
}

function slashed(path: string): string {
  return path.replaceAll('\\', '/').replace(/\/+$/, '');
}
