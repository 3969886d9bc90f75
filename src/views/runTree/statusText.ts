import { plural } from '../../core/format.ts';
import type { RunView } from '../../core/run/runView.ts';
import { asksAPerson, isUnderWay } from './runNodes.ts';
import { waitsForYou } from './runRows.ts';

/** What the status bar says of the runs under way: `2 agents · 1 waits for you`, `3 of 5 branches`, or both. */
export function statusText(underWay: readonly RunView[]): { text: string; icon: string; label: string } {
  const branchesOf = (agents: boolean) =>
    underWay.filter(({ executor }) => (executor === 'claude-code') === agents).flatMap((run) => run.branches);
  const agents = branchesOf(true).filter(({ state }) => isUnderWay(state));
  const answers = branchesOf(false);
  const waits = waitsForYou(agents);
  const ended = answers.filter(({ state }) => !isUnderWay(state)).length;
  const of = `${ended} of ${plural(answers.length, 'branch', 'branches')}`;
  const said = [agents.length > 0 && plural(agents.length, 'agent'), waits].filter((part) => part !== false);
  const parts = answers.length > 0 ? [...said, of] : said;
  const spoken = answers.length > 0 ? [...said, `${of} done`] : said;
  // Where all that is left waits for a person, nothing spins.
  const onlyWaits = answers.length === 0 && waits !== false && agents.every(asksAPerson);
  return {
    // After the last agent there may be checks to run.
    text: parts.join(' · ') || 'finishing',
    icon: onlyWaits ? 'question' : 'loading~spin',
    label: spoken.join(', ') || 'runs are finishing',
  };
}
