import * as z from 'zod';
import { changedFileSchema } from '../agent/agentFacts.ts';
import type { Usage } from '../api/usage.ts';

/** Name that stands for the recorded course in `compare RUN A B` and in document URIs. */
export const recordedName = 'recorded';

/** One side of a comparison: the recording, or a branch. */
export interface ComparedBranch {
  /** `recorded`, or the branch's id. */
  id: string;
  /** `recorded`, or the branch's name, with ` #2` for a second repeat. */
  name: string;
  model: string | null;
  state: string;
  stopReason: string | null;
  steps: number;
  toolCalls: number;
  usage: Usage;
  costUsd: number | null;
  /** Milliseconds from start to end, null where unknown. */
  durationMs: number | null;
  /** The document that diff editors show; see `trajectoryLines`. */
  document: string;
}

/** Where two documents first differ; lines are 1-based. Null where they are equal. */
const divergenceSchema = z.object({
  step: z.number(),
  kind: z.enum(['text', 'tool', 'end']),
  lineA: z.number(),
  lineB: z.number(),
  summary: z.string(),
});
export type Divergence = z.infer<typeof divergenceSchema>;

export const comparedPairSchema = z.object({
  a: z.string(),
  b: z.string(),
  /** 0 (nothing alike) to 1 (equal), over the lines of both documents. */
  similarity: z.number(),
  firstDivergence: divergenceSchema.nullable(),
  /** Unified diff of the documents; null where they were too different or too large to diff in time. */
  textDiff: z.string().nullable(),
  /** Tool calls that only one side made, in order. */
  toolDiff: z.object({ onlyA: z.array(z.string()), onlyB: z.array(z.string()) }),
  /** Files that differ, sorted by path; null where nothing was executed, or where a side's files aren't known. */
  filesDiff: z.object({ files: z.array(changedFileSchema) }).nullable(),
});
export type ComparedPair = z.infer<typeof comparedPairSchema>;

export interface Comparison {
  baseline: ComparedBranch;
  branches: ComparedBranch[];
  /** Each branch against the recording, or the one pair that was asked for. */
  pairs: ComparedPair[];
  /** What is missing of the fork point and the recorded end, a sentence each; empty where nothing was executed. */
  baselineProblems: string[];
}
