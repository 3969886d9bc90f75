import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { PlaceKind } from '../../src/core/agent/agentSettings.ts';
import type { RunId } from '../../src/core/ids.ts';
import type { RunView } from '../../src/core/run/runView.ts';
import type { Services } from '../../src/services.ts';
import { branchOf, type ForkStage, untilView } from './forkStage.ts';
import type { ReceivedRequest, Reply } from './messagesApi.ts';
import { treeHash } from './treeHash.ts';

/** Where the branches of one run stand when what drives them is killed. The first one leads: the others wait for its first token. */
export const moments = ['first token', 'tool', 'question', 'end', 'set-up', 'check'] as const;
export type Moment = (typeof moments)[number];
/** At these an agent is at work. */
export const agentMoments = ['first token', 'tool', 'question', 'end'] as const satisfies Moment[];

const promptOf = (moment: Moment) => `Stand at the ${moment}.`;
const bash = (command: string): Reply => ({ content: [{ type: 'tool_use', name: 'Bash', input: { command } }] });
/** Of an agent that repeats its call when it goes on, after it was lost with a question open. */
export const asksAgain = 'Ask, and ask again when you go on.';
const asked = `node -e "require('fs').writeFileSync('asked.txt', '')"`;

/** A run whose branches each stop at another moment, until they are killed there; when it is gone on with, none stops. */
export class KillMatrix {
  readonly stage: ForkStage;
  readonly names: readonly Moment[];
  readonly #place: PlaceKind;
  /** Told in the command of what an agent leaves behind with nothing in its environment. */
  readonly #seconds = `8${Math.floor(Math.random() * 1e8)}`;
  readonly #flags: string;
  readonly #before: unknown;
  /** Prompts as the API saw them, without results of calls. */
  readonly #prompts: string[] = [];

  constructor(stage: ForkStage, names: readonly Moment[] = moments, place: PlaceKind = 'overlay') {
    this.stage = stage;
    this.names = names;
    this.#place = place;
    this.#flags = path.join(stage.folder, `flags-${crypto.randomUUID()}`);
    mkdirSync(this.#flags);
    if (names.includes('end')) this.#holdEnds();
    this.#before = this.#hash();
    stage.answer((request) => this.#answer(request));
  }

  /** What to dispatch, as a fork file holds it. */
  get fork() {
    return {
      place: this.#place,
      branches: this.names.map((name) => ({ name, prompt: promptOf(name) })),
      setup: this.names.includes('set-up') ? [this.#hold('set-up')] : [],
      checks: this.names.includes('check') ? [{ name: 'held', run: this.#hold('check') }] : [],
      concurrency: this.names.length,
    };
  }

  /** Waits until every branch stands at its moment. */
  async untilThere(services: Services, runId: RunId): Promise<RunView> {
    let answered = false;
    return untilView(services, runId, (view) => {
      const tool = view.branches.find(({ name }) => name === 'tool');
      const [question] = tool?.questions ?? [];
      if (question !== undefined && !answered) {
        answered = true;
        void services.forks.answer(runId, 'tool', question.callId, { behavior: 'allow', scope: 'call' });
      }
      return view.branches.every((branch) => {
        switch (branch.name as Moment) {
          case 'first token':
            return branch.unfinishedText !== '';
          case 'tool':
            return existsSync(path.join(branch.place?.root ?? '', 'tool.txt'));
          case 'question':
            return branch.questions.length === 1;
          default:
            return existsSync(path.join(this.#flags, branch.name));
        }
      });
    });
  }

  /** What is there of a run that was killed and not gone on with; `nothingLeft` says what must be. */
  async left(services: Services, runId: RunId) {
    for (let tries = 0; tries < 150 && this.processes().length > 0; tries += 1) await delay(20);
    const places = (await services.agents.places()).filter(({ id }) => id.runId === runId);
    const branches = places.filter(({ id }) => id.name.startsWith('b')).length;
    return {
      processes: this.processes(),
      untouched: this.isUntouched(),
      // One without branches of its own watches a run that may have been killed before it had a place.
      places: this.names.length === 0 ? 0 : branches,
      livedIn: places.filter(({ inUse, orphan }) => inUse || orphan),
    };
  }

  get nothingLeft(): Awaited<ReturnType<KillMatrix['left']>> {
    return { processes: [], untouched: true, places: this.names.length, livedIn: [] };
  }

  /** What became of a run that was gone on with; `allDone` says what must be. @param before the view when it was killed */
  finished(view: RunView, before: RunView) {
    const branches = this.names.map((name) => {
      const [branch, then] = [branchOf(view, name), branchOf(before, name)];
      return {
        name,
        state: branch.state,
        error: branch.error,
        samePlace: branch.sessionId === then.sessionId && branch.place?.root === then.place?.root,
        questions: branch.questions.length,
        checks: branch.checks.map(({ passed }) => passed),
        files: branch.files.map(({ path: file, added }) => `${file} +${added}`),
        inDoubt: branch.inDoubt.map(({ tool }) => tool),
        prompts: this.sent(promptOf(name)),
        setUps: this.#setUps(name),
        toldOfSetUp: branch.notes.some((note) => note.includes('may have been begun')),
      };
    });
    return { branches, untouched: this.isUntouched(), processes: this.processes() };
  }

  /** How often a prompt was sent: itself once, and who was in the middle of it is told to go on. @param prompt a part of it */
  sent(prompt: string): string[] {
    const sent = this.#prompts.filter((text) => text.includes(prompt));
    return sent.map((text) => (text.includes('You were interrupted') ? 'go on' : 'prompt'));
  }

  get allDone(): ReturnType<KillMatrix['finished']> {
    const branches = this.names.map((name) => ({
      name,
      state: 'completed' as const,
      error: null,
      samePlace: true,
      questions: 0,
      checks: this.names.includes('check') ? [true] : [],
      files: name === 'tool' ? ['tool.txt +1'] : [],
      inDoubt: name === 'tool' ? ['Bash'] : [],
      prompts: (agentMoments as readonly Moment[]).includes(name) ? ['prompt', 'go on'] : ['prompt'],
      setUps: this.names.includes('set-up') ? (name === 'set-up' ? 2 : 1) : 0,
      toldOfSetUp: name === 'set-up',
    }));
    return { branches, untouched: true, processes: [] };
  }

  /** Are the person's tree, repository and recording as they were? */
  isUntouched(): boolean {
    return isDeepStrictEqual(this.#hash(), this.#before);
  }

  /** Processes that live in places of the stage, those included that an agent left behind with nothing in their environment. */
  processes(): { pid: number; command: string }[] {
    return placeProcesses(this.stage, `sleep ${this.#seconds} `);
  }

  /** Those of them that are Claude Code. */
  agents(): { pid: number; command: string }[] {
    return this.processes().filter(({ command }) => command.startsWith(`${this.stage.program} `));
  }

  /** Counts how often it ran, and waits the first time where the branch is the one that is to be caught in it. */
  #hold(moment: Moment): string {
    const flag = path.join(this.#flags, moment);
    return `echo "$FORKPOINT_BRANCH_NAME" >>"${flag}.ran"; [ "$FORKPOINT_BRANCH_NAME" != "${moment}" ] || [ -e "${flag}" ] || { touch "${flag}"; sleep 600; }`;
  }

  /** Claude Code runs this when an agent has said its last word, and ends after it. */
  #holdEnds(): void {
    addHook(this.stage, 'Stop', this.#hold('end'));
  }

  #hash(): unknown {
    return [treeHash(this.stage.project), readFileSync(this.stage.transcript, 'utf8')];
  }

  #setUps(name: Moment): number {
    if (!this.names.includes('set-up')) return 0;
    const lines = readFileSync(path.join(this.#flags, 'set-up.ran'), 'utf8').split('\n');
    return lines.filter((line) => line === name).length;
  }

  #answer({ body }: ReceivedRequest): Reply {
    const last = JSON.stringify(body.messages.findLast(({ role }: { role: string }) => role === 'user'));
    const whole = JSON.stringify(body.messages);
    const moment = moments.findLast((name) => whole.includes(promptOf(name)));
    if (last.includes('You were interrupted')) {
      this.#prompts.push(whole);
      return whole.includes(asksAgain) ? bash(asked) : 'I looked.';
    }
    if (last.includes('tool_result')) return 'Done.';
    this.#prompts.push(last);
    if (moment === 'first token') return { content: 'Half of an answer.', ending: 'hang', endAfter: 1 };
    if (moment === 'tool') {
      const leaves = `env -i setsid sleep ${this.#seconds} </dev/null >/dev/null 2>&1 &`;
      return bash(`${leaves} sleep 0.2; echo once >> tool.txt; sleep 600`);
    }
    if (moment === 'question' || last.includes(asksAgain)) return bash(asked);
    return 'Done.';
  }
}

/** Processes that live in places of a stage: its folder and the key of a place stand in their environment. @param also a command */
export function placeProcesses({ folder }: ForkStage, also = ''): { pid: number; command: string }[] {
  return readdirSync('/proc').flatMap((id) => {
    if (!/^\d+$/.test(id)) return [];
    try {
      const environment = readFileSync(`/proc/${id}/environ`, 'latin1');
      const command = readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const isMarked = [folder, 'FORKPOINT_PLACE='].every((text) => environment.includes(text));
      return isMarked || (also !== '' && command === also) ? [{ pid: Number(id), command }] : [];
    } catch {
      return [];
    }
  });
}

function addHook({ claudeDir }: ForkStage, event: 'Stop' | 'SessionEnd', command: string): void {
  const file = path.join(claudeDir, 'settings.json');
  const { hooks } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  writeFileSync(file, JSON.stringify({ hooks: { ...hooks, [event]: [{ hooks: [{ type: 'command', command }] }] } }));
}

/** Claude Code stays for a while after its result, in branches of the name `leaves`. */
export function holdLeaving(stage: ForkStage): void {
  const flag = leavingFlag(stage.folder, '$FORKPOINT_RUN');
  const hold = `[ "$FORKPOINT_BRANCH_NAME" != leaves ] || { touch "${flag}"; sleep 600; }`;
  addHook(stage, 'SessionEnd', hold);
}

/** A file that is there once a branch called `leaves` said its last word. @param folder of the stage */
export function leavingFlag(folder: string, runId: string): string {
  return path.join(folder, `leaves-${runId}`);
}

/** Waits for something of the file system or of processes, looking often: moments are short. */
export async function untilThen(what: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 60_000; performance.now() < end; await delay(2)) if (await what()) return;
  throw new Error('It never came to that.');
}

/** How often an event stands in a run's log, read without the store in between. @param home data folder */
export function timesLogged(home: string, runId: RunId, type: string): number {
  return readFileSync(path.join(home, 'runs', runId, 'events.jsonl'), 'utf8').split(`"type":"${type}"`).length - 1;
}

/** Moments of a run with one branch: what it is at, how that is seen, and the event that has not come then. */
export const runMoments = [
  {
    name: 'prepares a place',
    branch: 'one',
    // An overlay is ready sooner than a busy machine looks.
    place: 'worktree',
    isThen(home: string, runId: RunId): boolean {
      const folder = path.join(home, 'places', runId);
      return existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('.making-'));
    },
    next: 'place-ready',
  },
  {
    name: 'lets an agent leave that has given its result',
    branch: 'leaves',
    place: 'overlay',
    isThen: (_home: string, runId: RunId, folder: string): boolean => existsSync(leavingFlag(folder, runId)),
    next: 'files-changed',
  },
  {
    name: 'ends a branch',
    branch: 'one',
    place: 'overlay',
    isThen: (home: string, runId: RunId): boolean => timesLogged(home, runId, 'agent-turn-ended') === 1,
    next: 'run-ended',
  },
] as const;
