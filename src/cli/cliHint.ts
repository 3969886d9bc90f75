/**
 * A next step in the words of the command line: hints name what the editor's commands are called.
 * @param of the run and the branch that it is about, where there is one
 */
export function cliHint(hint: string, { runId, branchId }: { runId?: string; branchId?: string } = {}): string {
  const run = runId ?? 'RUN';
  return hint
    .replaceAll('Retry Failed', `forkpoint retry ${run}`)
    .replace(/\b(run) Resume\b/gi, `$1 forkpoint resume ${run}`)
    .replace('open a terminal in the branch', `look around in it (forkpoint exec ${run} ${branchId ?? 'BRANCH'} -- sh)`)
    .replace(' (Forkpoint: Show Log)', '');
}
