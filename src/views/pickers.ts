import * as vscode from 'vscode';
import { BadInputError, NotFoundError } from '../core/errors.ts';
import { modelName, oneLine, plural, relativeTime } from '../core/format.ts';
import type { RunView } from '../core/run/runView.ts';
import type { RecordedSession, TurnOutline } from '../core/session/recordedSession.ts';
import type { BranchTarget, RunTarget, SessionTarget, TurnTarget } from './commandTable.ts';
import { parseTurnUri, turnScheme } from './documentUris.ts';
import { choice, pickOne, type StepOptions, type StepResult } from './quickInput.ts';
import type { RunList } from './runTree/runList.ts';
import { branchName } from './runTree/runNodes.ts';
import { branchState, runFacts } from './runTree/runRows.ts';
import { describeTools } from './sessionTree/describeCalls.ts';
import type { SessionNode } from './sessionTree/sessionNodes.ts';
import { facts } from './sessionTree/sessionRows.ts';
import type { ServiceProvider } from './viewServices.ts';

export interface PickerDeps {
  services: ServiceProvider;
  /** Sessions in the order of the tree. */
  sessions(): Promise<SessionNode[]>;
  runs: RunList;
}

type Step = StepOptions['step'];

/** Quick picks for what a command is about, where it was not called on a row. `undefined` means that the person gave up. */
export class Pickers {
  constructor(private readonly deps: PickerDeps) {}

  /** The session of the row, else one that is picked. */
  async session(given: SessionTarget | undefined, title: string): Promise<SessionTarget | undefined> {
    if (typeof given?.file === 'string') return given;
    const picked = await this.askSession(title);
    return picked === 'back' ? undefined : picked;
  }

  async askSession(title: string, step?: Step): Promise<StepResult<SessionTarget>> {
    const sessions = await this.deps.sessions();
    if (sessions.length === 0) {
      const { sessions: store } = await this.deps.services.get();
      throw new NotFoundError(
        `No sessions were found in ${store.folders.join(', ')}.`,
        'Set forkpoint.claudeDirs to the folder where Claude Code keeps them.',
      );
    }
    const now = Date.now();
    const choices = sessions.map(({ file, summary }) =>
      choice<SessionTarget>(
        { file },
        summary.title,
        facts(relativeTime(summary.lastAt, now), plural(summary.turns, 'turn')),
        summary.projectPath ?? 'unknown folder',
      ),
    );
    return pickOne(choices, { title, placeholder: 'Session', ...(step && { step }) });
  }

  /** The turn of the row, else that of the open turn document, else one that is picked. */
  async turn(given: TurnTarget | undefined, title: string): Promise<TurnTarget | undefined> {
    if (typeof given?.file === 'string' && typeof given.turn === 'number') return given;
    const open = openTurn();
    if (open !== null) return open;
    const session = await this.session(undefined, title);
    if (session === undefined) return undefined;
    const { session: recorded } = await (await this.deps.services.get()).sessions.open(session.file);
    const turn = await this.askTurn(recorded, title, 'Turn');
    return turn === undefined || turn === 'back' ? undefined : { file: session.file, turn: turn.index };
  }

  async askTurn(
    recorded: RecordedSession,
    title: string,
    placeholder: string,
    step?: Step,
  ): Promise<StepResult<TurnOutline>> {
    if (recorded.turns.length === 0) {
      throw new BadInputError(`“${oneLine(recorded.summary.title, 60)}” has no turns.`, 'Choose another session.');
    }
    const choices = recorded.turns
      .map((turn) =>
        choice(
          turn,
          `${turn.index}. ${oneLine(turn.prompt, 80) || 'Prompt without text'}`,
          facts(turn.models.map(modelName).join(', '), describeTools(turn), !turn.active && 'abandoned'),
        ),
      )
      .reverse();
    return pickOne(choices, { title, placeholder, ...(step && { step }) });
  }

  /** The run of the row, else one that is picked among those that fit. */
  async run(
    given: RunTarget | undefined,
    title: string,
    fits: (run: RunView) => boolean,
    none: string,
  ): Promise<RunTarget | undefined> {
    if (typeof given?.runId === 'string') return given;
    await this.deps.runs.load();
    const now = Date.now();
    const fitting = this.deps.runs.runs.filter(fits);
    if (fitting.length === 0) throw new NotFoundError(none, 'The Runs view lists every run and what it is doing.');
    const choices = fitting.map((run) =>
      choice<RunTarget>({ runId: run.runId }, run.title, runFacts(run, now), run.session.title),
    );
    const picked = await pickOne(choices, { title, placeholder: 'Run' });
    return picked === 'back' ? undefined : picked;
  }

  /** The branch of the row, else one that is picked from a run that is picked. */
  async branch(
    given: BranchTarget | undefined,
    title: string,
    except?: BranchTarget,
  ): Promise<BranchTarget | undefined> {
    if (typeof given?.runId === 'string' && typeof given.branchId === 'string') return given;
    const target = except ?? (await this.run(undefined, title, () => true, 'There are no runs yet.'));
    const run = target && this.deps.runs.find(target.runId);
    if (run === undefined) return undefined;
    const choices = run.branches
      .filter(({ branchId }) => branchId !== except?.branchId)
      .map((branch) =>
        choice<BranchTarget>(
          { runId: run.runId, branchId: branch.branchId },
          branchName(branch),
          facts(modelName(branch.model), branchState(branch)),
        ),
      );
    const picked = await pickOne(choices, {
      title,
      placeholder: except === undefined ? 'Branch' : 'Branch to compare it with',
    });
    return picked === 'back' ? undefined : picked;
  }
}

/** The turn whose document is the active editor. */
function openTurn(): TurnTarget | null {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const shown = input instanceof vscode.TabInputCustom || input instanceof vscode.TabInputText ? input.uri : null;
  return shown?.scheme === turnScheme ? parseTurnUri(shown.query) : null;
}
