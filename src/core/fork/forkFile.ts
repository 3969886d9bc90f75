import * as z from 'zod';
import {
  branchSpecSchema,
  type ForkRequest,
  forkPointSchema,
  forkRequestSchema,
  runSettingsSchema,
} from './forkRequest.ts';

const listOf = <T extends z.ZodType>(item: T) => z.array(item).min(1, 'Give at least one value.');
const { model, prompt, system, effort, thinking, maxTokens } = branchSpecSchema.shape;

/** Lists of values; one branch is made for each combination. */
export const branchMatrixSchema = z.strictObject({
  model: listOf(model.unwrap()).optional().describe('One branch for each model.'),
  effort: listOf(effort.unwrap()).optional(),
  thinking: listOf(thinking.unwrap()).optional(),
  maxTokens: listOf(maxTokens.unwrap()).optional(),
  prompt: listOf(prompt.unwrap()).optional(),
  system: listOf(system.unwrap()).optional(),
});
export type BranchMatrix = z.infer<typeof branchMatrixSchema>;

/** A `*.fork.yaml` file as it is written; `forkRequestOfFile` makes a request of it. */
export const forkFileSchema = runSettingsSchema
  .extend({
    session: z.string().min(1).describe('Session id, unique prefix of one, or path of a transcript.'),
    at: forkPointSchema.describe('Where to cut: { turn: N }, { before: UUID } or { after: UUID }.'),
    prompt: z
      .string()
      .min(1)
      .optional()
      .describe('Default: the recorded prompt. @path reads a file, @@ stands for an @.'),
    branches: z.array(branchSpecSchema).min(1, 'Add at least one branch.').optional(),
    matrix: branchMatrixSchema.optional().describe('Instead of, or besides, branches.'),
  })
  .meta({
    title: 'Forkpoint fork',
    description:
      'A fork of a recorded session into branches. ${VAR} and ${VAR:-default} are replaced from the environment, $${VAR} is kept.',
  });
export type ForkFile = z.infer<typeof forkFileSchema>;

/** More branches than this are a slip in a matrix rather than a wish. */
const maxBranches = 200;

/** The request that a fork file stands for: its matrix made into branches, its branches checked together. */
export function forkRequestOfFile(file: ForkFile): z.ZodSafeParseResult<ForkRequest> {
  const { matrix, branches = [], ...rest } = file;
  const all = [...branches, ...(matrix === undefined ? [] : branchesOf(matrix))];
  return forkRequestSchema
    .refine(({ branches: { length } }) => length <= maxBranches, {
      path: ['matrix'],
      message: `This makes more than ${maxBranches} branches.`,
    })
    .safeParse({ ...rest, branches: all });
}

type Combination = { values: Record<string, unknown>; names: string[] };

/** Every combination of the lists' values, the last list running fastest. */
function branchesOf(matrix: BranchMatrix): unknown[] {
  let combinations: Combination[] = [{ values: {}, names: [] }];
  for (const [key, values] of Object.entries(matrix)) {
    // Grown only as far as it can be refused: the product of six long lists fits into no memory.
    combinations = combinations.slice(0, maxBranches + 1).flatMap(({ values: before, names }) =>
      values.map((value, index) => ({
        values: { ...before, [key]: value },
        names: [...names, nameOf(key, value, index)],
      })),
    );
  }
  const first = combinations[0];
  if (first === undefined || first.names.length === 0) return [];
  return combinations.map(({ values, names }) => ({ name: names.join(', ').slice(0, 80), ...values }));
}

function nameOf(key: string, value: unknown, index: number): string {
  if (key === 'model' || key === 'effort') return String(value);
  if (key === 'maxTokens') return `${String(value)} tokens`;
  if (key === 'thinking') return value === 'off' ? 'no thinking' : `thinking ${index + 1}`;
  return `${key} ${index + 1}`;
}
