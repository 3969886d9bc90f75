import type { FileState, Side, TurnFile, TurnFiles } from '../../core/files/fileState.ts';
import { fileSize, plural } from '../../core/format.ts';
import { escapeMarkdown } from '../../core/inertMarkdown.ts';

/** What is shown beside a diff of files at a turn. */
export interface FilesSummary {
  /** Files whose two sides are known and differ. */
  changed: TurnFile[];
  /** Files that may have changed, but of which a side is not known. */
  unknown: TurnFile[];
  /** Of the changed ones, how many are shown as they likely were. */
  likely: number;
  /** In one or two sentences what to know; null where everything shown is exact and nothing is left out. */
  message: string | null;
}

/** Nothing says that the file is of interest: unknown before and after, and no edit in this turn. */
function isIrrelevant({ changed, changedBy }: TurnFile): boolean {
  return changed === null && changedBy.length === 0;
}

function isLikely({ before, after }: TurnFile): boolean {
  return [before, after].some((state) => state.kind !== 'unknown' && state.certainty === 'likely');
}

/** Sorts what a turn did to files into what can be shown and what can't. */
export function summarizeFiles({ files, warnings }: TurnFiles): FilesSummary {
  const changed = files.filter((file) => file.changed === true);
  const unknown = files.filter((file) => file.changed === null && !isIrrelevant(file));
  const likely = changed.filter(isLikely).length;
  const parts = [
    likely > 0 &&
      `${likely} of ${plural(changed.length, 'file')} ${likely === 1 ? 'is' : 'are'} shown as ${likely === 1 ? 'it' : 'they'} likely ${likely === 1 ? 'was' : 'were'}.`,
    unknown.length > 0 && `What ${namesOf(unknown)} held is not recorded.`,
    ...warnings,
  ].filter((part) => part !== false);
  return { changed, unknown, likely, message: parts.length === 0 ? null : parts.join(' ') };
}

function namesOf(files: readonly TurnFile[]): string {
  const shown = files.slice(0, 3).map(({ path }) => path);
  return files.length > shown.length
    ? `${shown.join(', ')} and ${plural(files.length - shown.length, 'more file')}`
    : shown.join(', ');
}

const sources = { checkpoint: 'copy of Claude Code', replay: 'recorded edits', git: 'git' };

function stateText(state: FileState): string {
  if (state.kind === 'unknown') return `unknown: ${state.reason}`;
  return contentText(state, `${state.certainty}, ${sources[state.source]}`);
}

function contentText(state: Exclude<FileState, { kind: 'unknown' }>, how: string): string {
  if (state.kind === 'absent') return `no such file (${how})`;
  const mode = state.mode === null || state.mode === '644' ? '' : `, mode ${state.mode}`;
  return `${fileSize(state.bytes)}${mode} (${how})`;
}

const causes = {
  edit: 'edit',
  shell: 'shell command',
  hook: 'hook',
  subagent: 'subagent',
  tool: 'other tool',
  outside: 'not by the session',
  branch: 'another branch',
};

function cell(text: string): string {
  return escapeMarkdown(text).replace(/\s*\n\s*/g, ' ');
}

function rowOf(file: TurnFile): string {
  const change =
    file.changed === null ? 'unknown' : file.changed ? file.changedBy.map((cause) => causes[cause]).join(', ') : '';
  const cells = [file.path, change, stateText(file.before), stateText(file.after), file.notes.join(' ')];
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** All that is known of the files at a turn, as markdown in which nothing of the recording is active. */
export function filesReport(files: TurnFiles): string {
  const isUnchanged = ({ changed }: TurnFile) => changed === false;
  const sorted = files.files.toSorted((a, b) => Number(isUnchanged(a)) - Number(isUnchanged(b)));
  const blocks = [
    `# Files at turn ${files.turn}`,
    ...(files.folder === null ? [] : [`Paths are relative to ${escapeMarkdown(files.folder)}`]),
    ...files.warnings.map((warning) => `*${escapeMarkdown(warning)}*`),
    files.files.length === 0
      ? 'No changes of files are recorded on this branch of the session.'
      : [
          '| File | Changed by | Before | After | Notes |',
          '| --- | --- | --- | --- | --- |',
          ...sorted.map(rowOf),
        ].join('\n'),
  ];
  return `${blocks.join('\n\n')}\n`;
}

/** What files hold where a branch begins, as markdown: those of which nothing is known stay as they are now. */
export function stateReport(files: TurnFiles, side: Side): string {
  const shown = files.files.map((file) => ({ file, state: file[side] }));
  const count = (kind: string) => shown.filter(({ state }) => certaintyOf(state) === kind).length;
  const others = 'What is not recorded stays as it is now, and so does every file that the session never touched.';
  const counts = `${count('exact')} exact · ${count('likely')} likely · ${count('unknown')} not recorded.`;
  const blocks = [
    '# Files at the fork point',
    `${shown.length === 0 ? 'The session touched no files before.' : counts} ${others}`,
    ...files.warnings.map((warning) => `*${escapeMarkdown(warning)}*`),
  ];
  if (shown.length > 0) {
    const rows = shown.map(({ file, state }) => {
      const held = state.kind === 'unknown' ? state.reason : contentText(state, sources[state.source]);
      const cells = [file.path, certaintyOf(state), held, file.notes.join(' ')];
      return `| ${cells.map(cell).join(' | ')} |`;
    });
    if (files.folder !== null) blocks.push(`Paths are relative to ${escapeMarkdown(files.folder)}`);
    blocks.push(['| File | Known | Content | Notes |', '| --- | --- | --- | --- |', ...rows].join('\n'));
  }
  return `${blocks.join('\n\n')}\n`;
}

function certaintyOf(state: FileState): 'exact' | 'likely' | 'unknown' {
  return state.kind === 'unknown' ? 'unknown' : state.certainty;
}
