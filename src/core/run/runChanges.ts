import * as z from 'zod';
import { listed, money, oneLine, plural } from '../format.ts';
import { branchIdSchema, runIdSchema } from '../ids.ts';

/** A value in the run before and in this one. */
const beforeAfter = <T extends z.ZodType>(value: T) => z.object({ before: value, after: value });

const branchChangesSchema = z.object({
  branchId: branchIdSchema,
  /** Its id in the run before. */
  previousId: branchIdSchema,
  /** With ` #2` for a second repeat. */
  name: z.string(),
  state: beforeAfter(z.string()),
  /** US dollars, null where unknown. */
  costUsd: beforeAfter(z.number().nullable()),
  /** Of what was said and called: 0 (nothing alike) to 1 (equal). */
  similarity: z.number(),
  /** Checks that came out otherwise; null where one did not run. */
  checks: z.array(z.object({ name: z.string(), ...beforeAfter(z.boolean().nullable()).shape })),
  /** Files that the agents left otherwise, sorted by path; null where nothing was executed, or one's files aren't known. */
  files: z.array(z.object({ path: z.string(), status: z.enum(['added', 'modified', 'deleted']) })).nullable(),
});
export type BranchChanges = z.infer<typeof branchChangesSchema>;

/** What differs between a run and the one before it of the same schedule. Small: the texts lie in a blob. */
export const runChangesSchema = z.object({
  previous: runIdSchema,
  /** US dollars, null where unknown. */
  costUsd: beforeAfter(z.number().nullable()),
  branches: z.array(branchChangesSchema),
  /** Names of branches that only one of the two has. */
  onlyBefore: z.array(z.string()),
  onlyAfter: z.array(z.string()),
});
export type RunChanges = z.infer<typeof runChangesSchema>;

/** What changed from the run before, in a line: `tests fails now · 2 files differ · 84 % alike · $0.02 more`. */
export function describeRunChanges({ branches, costUsd, onlyBefore, onlyAfter }: RunChanges): string {
  const named = branches.length > 1;
  return inWords([
    ...branches.flatMap((branch) => branchWords(branch, named)),
    onlyAfter.length > 0 && `new: ${names(onlyAfter)}`,
    onlyBefore.length > 0 && `gone: ${names(onlyBefore)}`,
    costWords(costUsd),
  ]);
}

/** The same of one branch. */
export function describeBranchChanges(branch: BranchChanges): string {
  return inWords([...branchWords(branch, false), costWords(branch.costUsd)]);
}

function inWords(changes: readonly (string | false)[]): string {
  const said = changes.filter((change) => change !== false);
  return said.length === 0 ? 'as before' : said.join(' · ');
}

/** @param named the branch's name goes before what is said of it */
function branchWords({ name, state, similarity, checks, files }: BranchChanges, named: boolean): string[] {
  const words = [
    state.before !== state.after && `${state.after}, was ${state.before}`,
    ...checks.map((check) => `${oneLine(check.name, 40)} ${verdict(check)}`),
    files !== null &&
      files.length > 0 &&
      `${plural(files.length, 'file')} ${files.length === 1 ? 'differs' : 'differ'}`,
    // Rounded, a small difference must not read as none.
    similarity < 1 && `${Math.min(99, Math.round(similarity * 100))} % alike`,
  ].filter((word) => word !== false);
  return words.length > 0 && named ? [`${oneLine(name, 40)}: ${words.join(', ')}`] : words;
}

function verdict({ after }: BranchChanges['checks'][number]): string {
  if (after === null) return 'did not run';
  return after ? 'passes now' : 'fails now';
}

function costWords({ before, after }: RunChanges['costUsd']): string | false {
  if (before === null || after === null) return before !== after && `cost ${money(after)}, was ${money(before)}`;
  const more = after - before;
  // Tenths of a cent are noise of the cache.
  if (Math.abs(more) < 0.001) return false;
  return `${money(Math.abs(more))} ${more > 0 ? 'more' : 'less'}`;
}

function names(list: readonly string[]): string {
  return listed(
    list.map((name) => oneLine(name, 40)),
    'and',
  );
}
