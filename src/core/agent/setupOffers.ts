import * as z from 'zod';

/** Set-up that a repository has already for other tools, as commands for ours. */
export interface SetupOffer {
  /** File that it stands in, relative to the project's root. */
  source: string;
  /** Each in one line. */
  commands: string[];
}

/** A file of another tool. */
export interface SetupFile {
  /** Relative to the project's root, with slashes. */
  path: string;
  /** What JSON or TOML holds; of scripts nothing is read. */
  data: unknown;
}

/** Where the commands will run. */
export interface SetupSite {
  /** The project's root, absolute: several tools tell their commands where it is. */
  root: string;
  /** As Node names it. */
  platform: string;
}

/** A command as its tool would run it. `names`: variables that the tool sets. */
interface Found {
  commands: string[];
  /** The project's root. */
  rootNames: string[];
  /** The new worktree. */
  placeNames: string[];
  /** A script may ask for the variables, too: what it holds isn't looked at. */
  isScript?: boolean;
}

interface Source {
  of: (path: string) => boolean;
  find: (file: SetupFile, site: SetupSite) => Found | null;
}

const text = z.string().trim().min(1).max(10_000);

/** Files of other tools that may hold set-up; those in `environments` by any name. In the order in which they are offered. */
export const setupFileNames = {
  claude: '.claude/settings.json',
  tasks: '.vscode/tasks.json',
  cursor: '.cursor/worktrees.json',
  codexFolder: '.codex/environments',
  conductor: 'conductor.json',
  kiloUnix: ['.kilo/setup-script', '.kilo/setup-script.sh'],
  kiloWindows: ['.kilo/setup-script.ps1', '.kilo/setup-script.cmd', '.kilo/setup-script.bat'],
} as const;

const sources: readonly Source[] = [
  { of: (path) => path === setupFileNames.claude, find: linkedFolderCopies },
  { of: (path) => path === setupFileNames.tasks, find: worktreeTasks },
  { of: (path) => path === setupFileNames.cursor, find: cursorSetup },
  { of: (path) => path.startsWith(`${setupFileNames.codexFolder}/`), find: codexSetup },
  { of: (path) => path === setupFileNames.conductor, find: conductorSetup },
  { of: (path) => path.startsWith('.kilo/'), find: kiloSetup },
];

/**
 * What can be offered of these files, the most fitting first, each set of commands once. Nothing of it runs before a person
 * has taken it over.
 */
export function setupOffers(files: readonly SetupFile[], site: SetupSite): SetupOffer[] {
  const seen = new Set<string>();
  return sources.flatMap(({ of, find }) =>
    files
      .filter(({ path }) => of(path))
      .flatMap((file) => {
        const found = find(file, site);
        const commands = found === null ? [] : found.commands.map((command) => withVariables(command, found, site));
        const key = JSON.stringify(commands);
        if (commands.length === 0 || seen.has(key) || commands.some(isMisleading)) return [];
        seen.add(key);
        return [{ source: file.path, commands }];
      }),
  );
}

/** It can hold what isn't seen where it is offered: control characters, or such as turn the direction of writing. */
const isMisleading = (command: string): boolean => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(command);

/** Folders of the project's root that Claude Code's settings have linked into worktrees. */
export function linkedFolders(data: unknown): string[] {
  const settings = z.object({ worktree: z.object({ symlinkDirectories: z.array(z.unknown()) }) }).safeParse(data);
  const names = settings.success ? settings.data.worktree.symlinkDirectories : [];
  return names.filter((name): name is string => typeof name === 'string' && isBelow(name));
}

/** Copied, not linked: what a branch writes through a link would land in the person's own folder. */
function linkedFolderCopies({ data }: SetupFile, { root, platform }: SetupSite): Found | null {
  if (platform === 'win32') return null;
  const commands = linkedFolders(data).map((name) => {
    const parent = name.split('/').slice(0, -1).join('/');
    const make = parent === '' ? '' : `mkdir -p ${quoted(parent)} && `;
    return `${make}cp -R ${quoted(`${root}/${name}`)} ${quoted(name)}`;
  });
  return plain(commands);
}

const commandSchema = z.object({
  type: z.string().optional().catch(undefined),
  command: text.optional().catch(undefined),
  script: text.optional().catch(undefined),
  args: z
    .array(z.union([z.string(), z.object({ value: z.string() }).transform(({ value }) => value)]))
    .catch([])
    .default([]),
  options: z.object({ cwd: text.optional() }).optional().catch(undefined),
});
const taskSchema = z.looseObject({
  ...commandSchema.shape,
  runOptions: z.object({ runOn: z.literal('worktreeCreated') }),
});

function worktreeTasks({ data }: SetupFile, { platform }: SetupSite): Found | null {
  const all = z.object({ tasks: z.array(z.unknown()) }).safeParse(data);
  const own = platform === 'win32' ? 'windows' : platform === 'darwin' ? 'osx' : 'linux';
  const commands = (all.success ? all.data.tasks : []).flatMap((raw) => {
    const task = taskSchema.safeParse(raw);
    if (!task.success) return [];
    const special = commandSchema.partial().safeParse(task.data[own]);
    return taskCommand({
      ...task.data,
      ...(special.success && task.data[own] !== undefined ? given(special.data) : {}),
    });
  });
  return plain(commands);
}

const given = (values: object) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && !isEmpty(value)));
const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** Nothing where the task needs what only VS Code knows. */
function taskCommand({ type, command, script, args, options }: z.infer<typeof commandSchema>): string[] {
  const words = args.map((arg) => (/^[\w@%+=:,./${}-]+$/.test(arg) ? arg : quoted(arg)));
  const program = type === 'npm' ? (script === undefined ? undefined : `npm run ${script}`) : command;
  if (program === undefined) return [];
  const line = [type === 'npm' && script === 'install' ? 'npm install' : program, ...words].join(' ');
  const folder = options?.cwd === undefined ? '' : inFolder(options.cwd);
  const whole = `${folder}${line}`.replaceAll(/\$\{(?:workspaceFolder|workspaceRoot|cwd)\}/g, '.');
  return /\$\{(?:config|command|env|file|input|relative|line|selected|user|work)/.test(whole) ? [] : [oneLined(whole)];
}

function inFolder(cwd: string): string {
  const below = cwd.replace(/^\$\{workspaceFolder\}[\\/]?/, '');
  return below === '' || below === '.' ? '' : `cd ${quoted(below)} && `;
}

/** Commands one after another, or the path of a script beside the file. */
function cursorSetup({ data }: SetupFile, { platform }: SetupSite): Found | null {
  const list = z
    .union([z.array(text), text])
    .optional()
    .catch(undefined);
  const own = platform === 'win32' ? 'setup-worktree-windows' : 'setup-worktree-unix';
  const parsed = z.object({ [own]: list, 'setup-worktree': list }).safeParse(data);
  const set = parsed.success ? (parsed.data[own] ?? parsed.data['setup-worktree']) : undefined;
  const names = { rootNames: ['ROOT_WORKTREE_PATH'], placeNames: [] };
  if (typeof set !== 'string') return { commands: (set ?? []).map(oneLined), ...names };
  return isBelow(set) ? { commands: [scriptCommand(`.cursor/${set}`, platform)], ...names, isScript: true } : null;
}

function codexSetup({ data }: SetupFile, { platform }: SetupSite): Found | null {
  const script = z.object({ script: text }).optional().catch(undefined);
  const parsed = z
    .object({ setup: z.looseObject({ script: text.optional().catch(undefined), [platform]: script }) })
    .safeParse(data);
  if (!parsed.success) return null;
  const { [platform]: own, script: any } = parsed.data.setup as { script?: string; [os: string]: unknown };
  const chosen = (own as { script: string } | undefined)?.script ?? any;
  const names = { rootNames: ['CODEX_SOURCE_TREE_PATH'], placeNames: ['CODEX_WORKTREE_PATH'] };
  return chosen === undefined ? null : { commands: [oneLined(chosen)], ...names };
}

function conductorSetup({ data }: SetupFile, { platform }: SetupSite): Found | null {
  const parsed = z.object({ scripts: z.object({ setup: text }) }).safeParse(data);
  if (!parsed.success || platform === 'win32') return null;
  const commands = [oneLined(parsed.data.scripts.setup)];
  // A command may be a script of the repository that reads them.
  return { commands, rootNames: ['CONDUCTOR_ROOT_PATH'], placeNames: ['CONDUCTOR_WORKSPACE_PATH'], isScript: true };
}

function kiloSetup({ path }: SetupFile, { platform }: SetupSite): Found | null {
  const names: readonly string[] = platform === 'win32' ? setupFileNames.kiloWindows : setupFileNames.kiloUnix;
  if (!names.includes(path)) return null;
  const command = platform === 'win32' ? scriptCommand(path, platform) : `sh ${quoted(path)}`;
  return { commands: [command], rootNames: ['REPO_PATH'], placeNames: ['WORKTREE_PATH'], isScript: true };
}

const plain = (commands: string[]): Found => ({ commands, rootNames: [], placeNames: [] });

function scriptCommand(path: string, platform: string): string {
  if (platform !== 'win32') return `bash ${quoted(path)}`;
  const native = path.replaceAll('/', '\\');
  return /\.ps1$/i.test(path) ? `powershell -ExecutionPolicy Bypass -File "${native}"` : `"${native}"`;
}

/** Sets what the tool sets for its commands, where they ask for it. */
function withVariables(command: string, { rootNames, placeNames, isScript }: Found, site: SetupSite): string {
  const asked = (name: string): boolean => isScript === true || command.includes(name);
  const values = [
    ...rootNames.filter(asked).map((name) => ({ name, value: site.root })),
    ...placeNames.filter(asked).map((name) => ({ name, value: null })),
  ];
  if (site.platform === 'win32') {
    return [...values.map(({ name, value }) => `set "${name}=${value ?? '%CD%'}"`), command].join(' && ');
  }
  const settings = values.map(({ name, value }) => `${name}=${value === null ? '"$PWD"' : quoted(value)}`);
  return settings.length === 0 ? command : `export ${settings.join(' ')} && ${command}`;
}

/** A script as one line that stops at the first command that fails. */
function oneLined(script: string): string {
  const lines = script.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));
  if (lines.length <= 1) return (lines[0] ?? '').trim();
  const isPlain = lines.every(
    (line) =>
      !/^\s*(?:if|then|else|elif|fi|for|while|until|do|done|case|esac|function|[{}])\b|[\\{(&|;]\s*$|<<|^\s*[\])}]|\w\(\)/.test(
        line,
      ),
  );
  if (isPlain) return lines.map((line) => line.trim()).join(' && ');
  return `printf '%s\\n' ${lines.map(quoted).join(' ')} | sh -e`;
}

/** Relative, and inside the folder that it is relative to. */
const isBelow = (path: string): boolean =>
  path !== '' && !/^(?:[\\/~-]|[a-z]:)/i.test(path) && !path.split(/[\\/]/).includes('..') && !/\p{Cc}/u.test(path);

/** For a POSIX shell, where it needs quotes. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
