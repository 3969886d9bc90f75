import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { answerSchema } from '../../core/agent/agentFacts.ts';
import { BadInputError } from '../../core/errors.ts';
import { branchIdSchema } from '../../core/ids.ts';
import type { GivenAnswer } from '../../core/run/ports.ts';
import { fileErrorCode } from '../fileErrors.ts';

const givenAnswerSchema = z.object({ branchId: branchIdSchema, callId: z.string(), answer: answerSchema });

/**
 * Stores an answer in a file of its own.
 * @param folder of a run's answers; made when it is missing
 * @throws BadInputError where the question was answered already
 */
export async function writeAnswer(folder: string, given: GivenAnswer): Promise<void> {
  const { branchId, callId } = given;
  // The name stands for branch and call, so that of two answers only one can be written.
  const name = `${createHash('sha256').update(`${branchId} ${callId}`).digest('hex').slice(0, 32)}.json`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    // Read when the run's folder is touched, when it is whole.
    await writeFile(path.join(folder, name), JSON.stringify(given), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (fileErrorCode(error) !== 'EEXIST') throw error;
    throw new BadInputError(`Call ${callId} was answered already.`, 'List what waits with `forkpoint questions`.');
  }
}

/** Null where the file is not whole yet. */
export async function readAnswer(file: string): Promise<GivenAnswer | null> {
  try {
    return givenAnswerSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return null;
  }
}
