import { type ApplyPlan, isWritten, type PlannedFile } from '../../core/changes/applyChanges.ts';
import { oneLine, plural } from '../../core/format.ts';
import { modesLeft, planWrites } from './planWrites.ts';

const maxListed = 15;

/** Files that applying would write, those with conflicts first. */
export function writtenFiles({ files }: ApplyPlan): PlannedFile[] {
  return files.filter(isWritten).sort((a, b) => Number(b.conflict !== null) - Number(a.conflict !== null));
}

export function conflictsOf({ files }: ApplyPlan): PlannedFile[] {
  return files.filter(({ conflict }) => conflict !== null);
}

/** Name of a folder as titles show it. */
export function folderName(root: string): string {
  return oneLine(root.split(/[\\/]/).findLast((part) => part !== '') ?? root, 40);
}

/** `Apply cheaper to slug-tools · conflict in slugify.ts`; the editor itself adds the number of files. */
export function previewTitle(plan: ApplyPlan, name: string): string {
  const conflicts = conflictsOf(plan).map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
  const said =
    conflicts.length === 0
      ? ''
      : ` · ${conflicts.length === 1 ? 'conflict' : 'conflicts'} in ${oneLine(conflicts.slice(0, 3).join(', '), 60)}${conflicts.length > 3 ? ', …' : ''}`;
  return `Apply ${oneLine(name, 40)} to ${folderName(plan.root)}${said}`;
}

/** What the last question before writing lists. */
export function applyDetail(plan: ApplyPlan): string {
  const letters = { added: 'A', modified: 'M', deleted: 'D', unchanged: ' ', conflict: '!' };
  const written = writtenFiles(plan);
  const kept = conflictsOf(plan).filter((file) => !isWritten(file));
  const { writes, outside } = planWrites(plan.files);
  const beside = outside.length + modesLeft(writes).length;
  const line = ({ path, status, conflict }: PlannedFile) =>
    `${letters[status]}  ${oneLine(path, 120)}${conflict === null ? '' : `: ${oneLine(conflict, 160)}`}`;
  const rest = written.length - maxListed;
  return [
    ...written.slice(0, maxListed).map(line),
    ...(rest > 0 ? [`… and ${plural(rest, 'more file')}`] : []),
    ...(kept.length > 0 ? ['', 'Not touched:', ...kept.slice(0, maxListed).map(line)] : []),
    ...plan.notes.map((note) => `\n${oneLine(note, 300)}`),
    '',
    'Only these files are touched. Undo in one of them takes all of it back.',
    ...(beside > 0 ? ['Links and file modes are set beside that: Undo leaves them.'] : []),
  ].join('\n');
}
