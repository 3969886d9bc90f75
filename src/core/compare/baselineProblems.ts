import type { BaselineProblem } from '../agent/agentFacts.ts';
import { type AgentPlan, placedFilesSchema } from '../agent/agentSettings.ts';
import type { BlobStore } from '../blobStore.ts';
import { pathInside } from '../files/filePaths.ts';
import type { ForkPlan } from '../fork/forkPlan.ts';
import { firstOf, plural } from '../format.ts';
import type { RunView } from '../run/runView.ts';

type State = BaselineProblem['state'];

const names: Record<State, string> = { 'fork-point': 'fork point', recorded: 'recorded end' };

/**
 * What is missing of the two states that agent branches are compared with: checks that did not run on them, files of the recorded
 * end that nobody knows. Unknown stays unknown, and has to be said where the rest is shown.
 * @returns a sentence each; empty where the Messages API answered
 */
export async function baselineProblems({ agent }: ForkPlan, view: RunView, blobs: BlobStore): Promise<string[]> {
  if (agent === null) return [];
  const states: State[] = agent.recordedEnd === null ? ['fork-point'] : ['fork-point', 'recorded'];
  return [...(await unknownFiles(agent, blobs)), ...states.flatMap((state) => uncheckedState(state, agent, view))];
}

async function unknownFiles({ recordedEnd, folder, checks }: AgentPlan, blobs: BlobStore): Promise<string[]> {
  if (recordedEnd === null) {
    const unchecked = checks.length === 0 ? '' : ', and no check runs on it';
    return [`The recorded end is not known: no file of it is recorded. Files are not compared with it${unchecked}.`];
  }
  const { unknown } = placedFilesSchema.parse(await blobs.get(recordedEnd));
  if (unknown.length === 0) return [];
  const [first] = unknown;
  const names = unknown.map(({ path }) => pathInside(folder, path) ?? path);
  const why = unknown.length === 1 && first !== undefined ? ` ${first.reason}` : '';
  return [`${plural(unknown.length, 'file')} of the recorded end not known: ${firstOf(names, 3)}.${why}`];
}

function uncheckedState(state: State, { checks }: AgentPlan, view: RunView): string[] {
  const name = names[state];
  const results = state === 'recorded' ? view.checks.recorded : view.checks.forkPoint;
  const stopped = results
    .filter(({ exitCode }) => exitCode === null)
    .map((result) => `The check “${result.name}” was ended on the ${name} before it was through: its time was up.`);
  const problem = view.checks.problems.find((candidate) => candidate.state === state);
  if (problem !== undefined) return [...stopped, `The ${name} could not be checked: ${problem.reason}`];
  const missing = checks.filter((check) => !results.some((result) => result.name === check.name));
  if (missing.length === 0 || view.endedAt === null) return stopped;
  const which = missing.map((check) => `“${check.name}”`).join(', ');
  return [...stopped, `Not checked on the ${name}: ${which}. The run ended before that.`];
}
