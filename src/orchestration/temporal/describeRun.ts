import type { ForkPlan } from '../../core/fork/forkPlan.ts';

/** Lines of branches that the web UI shows of a run: the server takes 20,000 bytes, and a name and a model have 80 characters each. */
const describedBranches = 50;

/** What the web UI says of a run. A session's title is its first prompt where it has no other, so the session is named by its id. */
export function describedIn({ runId, kind, point, session: { sessionId }, branches }: ForkPlan) {
  const lines = branches.slice(0, describedBranches).map(({ name, repeat, model }) => `- ${name} #${repeat}: ${model}`);
  const more = branches.length - lines.length;
  return {
    memo: { run: runId, kind, session: sessionId, turn: point.turnIndex },
    staticSummary: `${kind === 'fork' ? 'Fork' : 'Replay'} of session ${sessionId} at turn ${point.turnIndex}`,
    staticDetails: [...lines, ...(more > 0 ? [`- and ${more} more`] : [])].join('\n'),
  };
}
