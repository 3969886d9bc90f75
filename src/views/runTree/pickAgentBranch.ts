import { NotFoundError } from '../../core/errors.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import type { BranchTarget } from '../commandTable.ts';
import type { Pickers } from '../pickers.ts';
import { choice, pickOne } from '../quickInput.ts';
import { activityText, checksFact, linesFact } from './agentWords.ts';
import type { RunList } from './runList.ts';
import { branchName, isUnderWay } from './runNodes.ts';

/** The branch of the row, else one that is picked among those that Claude Code answered and that fit. */
export type PickAgentBranch = (
  given: BranchTarget | undefined,
  title: string,
  fits: (branch: BranchView) => boolean,
) => Promise<BranchTarget | undefined>;

/** Quick picks of branches that Claude Code answered. `undefined` means that the person gave up. */
export function agentBranchPicker(pickers: Pickers, runs: RunList): PickAgentBranch {
  return async (given, title, fits) => {
    if (typeof given?.runId === 'string' && typeof given.branchId === 'string') return given;
    const fitting = (run: RunView) => (run.executor === 'claude-code' ? run.branches.filter(fits) : []);
    const none = 'No branch of Claude Code is at that point.';
    const target = await pickers.run(undefined, title, (run) => fitting(run).length > 0, none);
    if (target === undefined) return undefined;
    const run = runs.find(target.runId);
    if (run === undefined) throw new NotFoundError('The run is gone.', 'Refresh the Runs view.');
    const now = Date.now();
    const choices = fitting(run).map((branch) =>
      choice<BranchTarget>(
        { runId: run.runId, branchId: branch.branchId },
        branchName(branch),
        isUnderWay(branch.state) ? activityText(branch, run.session.projectPath, now) : endedText(branch),
      ),
    );
    const [only] = choices;
    if (only !== undefined && choices.length === 1) return only.value;
    const picked = await pickOne(choices, { title, placeholder: 'Branch' });
    return picked === 'back' ? undefined : picked;
  };
}

function endedText(branch: BranchView): string {
  return [linesFact(branch.files), checksFact([branch])].filter((fact) => fact !== '').join(' · ');
}
