import type { Answer, Question } from '../../agent/agentFacts.ts';
import type { AgentBranchRef, AgentMessage, AgentTurnEnd, AgentTurnOrder, Place } from '../../agent/agentPorts.ts';
import { toolUses } from '../advance.ts';
import { BranchLog } from '../branchLog.ts';
import type { BranchToolCall } from '../branchOutcome.ts';
import { foldRun } from '../foldRun.ts';
import { ActiveTime } from './activeTime.ts';
import type { AgentTurnOutcome, AgentWork, AgentWorkDeps } from './agentWork.ts';
import { branchEnvironment } from './branchEnvironment.ts';
import { branchTitle } from './branchTitle.ts';
import { budgetShare, knownCost } from './budgetShare.ts';
import { clipped } from './clipped.ts';
import { giveUp } from './giveUp.ts';
import { inPlace } from './inPlace.ts';
import { knownEnd } from './knownEnd.ts';
import { type LoadedBranch, loadBranch, sinceReset } from './loadBranch.ts';
import { measureBranchPrefix } from './measureBranchPrefix.ts';
import { OpenQuestions, type PassedAnswer } from './openQuestions.ts';
import { type Sending, whatToSend } from './whatToSend.ts';

/** Wait for a usage limit whose end isn't told, in milliseconds. */
const unknownLimitMs = 15 * 60_000;

type TurnOptions = Parameters<AgentWork['turn']>[1];

/** Sends one prompt of a branch, or goes on with it where an earlier process was lost, and logs what comes. */
export async function agentTurn(
  ref: AgentBranchRef & { turn: number },
  deps: AgentWorkDeps,
  options: TurnOptions,
): Promise<AgentTurnOutcome> {
  const loaded = await loadBranch(ref, deps);
  const known = knownEnd(loaded, ref.turn);
  if (known !== null) return known;
  const place = await deps.places.open({ runId: ref.runId, name: ref.branchId });
  const sending = await whatToSend(loaded, ref.turn, place, deps);
  if (sending.isGivenUp) return giveUp(loaded, ref, sending, deps);
  const turn = new RunningTurn(loaded, ref, place, sending, deps, options);
  return turn.run();
}

/** One prompt on its way. */
class RunningTurn {
  readonly #loaded: LoadedBranch;
  readonly #ref: AgentBranchRef;
  readonly #place: Place;
  readonly #sending: Sending;
  readonly #deps: AgentWorkDeps;
  readonly #options: TurnOptions;
  readonly #log: BranchLog;
  readonly #stop = new AbortController();
  /** Aborted when the program is gone: nobody waits for answers any more. */
  readonly #over = new AbortController();
  readonly #asking = new Set<Promise<Answer>>();
  readonly #time: ActiveTime;
  readonly #costBefore: number;
  #timeoutSeconds: number;
  #step: number;
  #measured: Promise<void> | null = null;
  #writing: Promise<void> = Promise.resolve();
  /** Why something that was said could not be written, once that is so. */
  #unwritten: { error: unknown } | null = null;

  constructor(
    loaded: LoadedBranch,
    ref: AgentBranchRef,
    place: Place,
    sending: Sending,
    deps: AgentWorkDeps,
    options: TurnOptions,
  ) {
    this.#loaded = loaded;
    this.#ref = { runId: ref.runId, branchId: ref.branchId };
    this.#place = place;
    this.#sending = sending;
    this.#deps = deps;
    this.#options = options;
    this.#log = new BranchLog(this.#ref, deps);
    const view = foldRun(loaded.plan, loaded.events).branches.find(({ branchId }) => branchId === ref.branchId);
    this.#step = (view?.results.at(-1)?.step ?? 0) + 1;
    this.#costBefore = view === undefined ? 0 : knownCost(view);
    this.#timeoutSeconds = loaded.plan.timeoutSeconds;
    this.#time = new ActiveTime(deps.clock, this.#limitMs(), () => this.#stop.abort(new TimeIsUp()));
  }

  #limitMs(): number {
    return this.#timeoutSeconds * 1000 - spentMs(this.#loaded);
  }

  /** Keeps to the time limit that the run is given meanwhile. */
  async #followLimits(): Promise<void> {
    let known = this.#loaded.events.length;
    for await (const event of this.#deps.runs.follow(this.#ref.runId, this.#over.signal)) {
      known -= 1;
      if (known >= 0 || event.type !== 'limits-changed' || event.change.timeoutSeconds === undefined) continue;
      this.#timeoutSeconds = event.change.timeoutSeconds;
      this.#time.changeLimit(this.#limitMs());
    }
  }

  async run(): Promise<AgentTurnOutcome> {
    const { turn, promptsBefore, resumed, inDoubt } = this.#sending;
    const questions = new OpenQuestions(this.#ref, this.#deps.runs, this.#loaded.own);
    const following = this.#followLimits();
    // A log that can't be read shows itself at the next event: nobody waits for this one yet.
    following.catch(() => {});
    try {
      const { plan, events } = this.#loaded;
      const budgetUsd = budgetShare(plan, events, this.#ref.branchId);
      if (budgetUsd !== null && budgetUsd <= 0) return { kind: 'budget', stopReason: null, error: null, costUsd: 0 };
      const costLimitUsd = budgetUsd === null ? null : this.#costBefore + budgetUsd;
      await this.#log.append({ type: 'prompt-sent', turn, promptsBefore, resumed, inDoubt, costLimitUsd });
      const signal = AbortSignal.any([this.#options.signal, this.#stop.signal]);
      let outcome: Promise<AgentTurnOutcome> | null = null;
      // In the log before the program is gone: who is killed until then must not have the prompt gone on with.
      const take = (end: AgentTurnEnd): Promise<AgentTurnOutcome> => {
        outcome ??= this.#ended(outcomeOf(end, this.#deps));
        return outcome;
      };
      const end = await this.#deps.program.turn(await this.#order(budgetUsd), {
        signal,
        onMessage: (message) => this.#take(message),
        onQuestion: (question, withdrawn) => {
          const asking = this.#ask(question, questions, AbortSignal.any([signal, this.#over.signal]), withdrawn);
          this.#asking.add(asking);
          return asking;
        },
        onEnd: async (end) => void (await take(end)),
      });
      return await take(end);
    } catch (error) {
      if (!(error instanceof TimeIsUp)) throw error;
      return await this.#ended({ kind: 'timeout', stopReason: 'timeout', error: this.#timedOut(), costUsd: null });
    } finally {
      this.#over.abort();
      await Promise.allSettled([...this.#asking, following]);
      questions.dispose();
      this.#time.stop();
      await this.#writing;
      await this.#log.flush();
    }
  }

  async #ended(outcome: AgentTurnOutcome): Promise<AgentTurnOutcome> {
    this.#time.stop();
    await this.#writing;
    // It may have ended before it could be stopped: what it said is lost all the same.
    if (this.#unwritten !== null) throw this.#unwritten.error;
    await this.#measured;
    const { kind, costUsd } = outcome;
    const activeMs = Math.round(this.#time.spentMs);
    await this.#log.append({ type: 'agent-turn-ended', turn: this.#sending.turn, kind, costUsd, activeMs });
    return outcome;
  }

  async #order(budgetUsd: number | null): Promise<AgentTurnOrder> {
    const { plan, branch, agent, prompts, chain, sessionId } = this.#loaded;
    const { blobs, runs } = this.#deps;
    const allowed = agent.allowedCommands === null ? [] : await blobs.get(agent.allowedCommands);
    const commands = Array.isArray(allowed) ? allowed.filter((command) => typeof command === 'string') : [];
    const moved = <T>(value: T): T => inPlace(value, this.#place, agent.configDir);
    return {
      program: agent.program,
      version: agent.version,
      configDir: agent.configDir,
      place: this.#place,
      sessionId,
      resume: this.#sending.resume,
      title: branchTitle(plan, branch),
      resumeAt: this.#sending.promptsBefore === 0 ? (chain.resumeAt ?? null) : null,
      prompt: this.#sending.prompt,
      branch: { ...prompts.branch, system: moved(prompts.branch.system) },
      chain,
      permissions: agent.permissions,
      allowedCommands: moved(commands),
      allowRules: moved(agent.allowRules),
      maxTurns: agent.maxTurns,
      budgetUsd,
      env: await branchEnvironment(plan, branch, runs),
    };
  }

  #timedOut() {
    const seconds = this.#timeoutSeconds;
    return {
      code: 'timeout',
      message: `The branch worked for longer than ${seconds} seconds.`,
      hint: 'Run Retry Failed: it goes on where it was and has as much time again. The limit is set with the fork (timeoutSeconds).',
    };
  }

  /** Keeps the order in which things were said, though blobs take a moment to be stored. */
  #take(message: AgentMessage): void {
    if (message.type === 'first-token') this.#options.onFirstToken?.();
    const step = this.#step;
    if (message.type === 'reply' && message.parent === null) this.#step += 1;
    this.#writing = this.#writing
      .then(() => this.#write(message, step))
      .catch((error: unknown) => {
        // Not one of the agent's own errors, after which it is tried again.
        this.#unwritten ??= { error };
        this.#stop.abort(error);
      });
  }

  async #write(message: AgentMessage, step: number): Promise<void> {
    switch (message.type) {
      case 'started': {
        const { model, version, permissionMode } = message;
        return this.#log.append({ type: 'agent-started', model, version, permissionMode });
      }
      case 'reply':
        return this.#writeReply(message, step);
      case 'tool-result': {
        const result = await this.#deps.blobs.put({ content: message.content });
        const { callId, isError, parent } = message;
        return this.#log.append({ type: 'tool-result', callId, result, isError, parent });
      }
      case 'notice':
        return this.#log.append({ type: 'branch-note', text: message.text });
      case 'compacted':
        return this.#log.append({ type: 'compacted', preTokens: message.preTokens });
      case 'retrying': {
        const { attempt, delayMs } = message;
        const error = { code: 'overloaded', message: message.message, hint: 'Claude Code asks again by itself.' };
        return this.#log.append({ type: 'retrying', step, attempt, delayMs, error, billing: 'known' });
      }
      case 'denied': {
        const { callId, tool } = message;
        return this.#log.append({ type: 'call-denied', callId, tool, message: message.message });
      }
      case 'text':
        this.#log.outputTokens(message.outputTokens);
        return this.#log.text(step, message.text);
      case 'first-token':
        return this.#log.write({ type: 'first-token', step });
    }
  }

  async #writeReply(message: Extract<AgentMessage, { type: 'reply' }>, step: number): Promise<void> {
    const { reply, parent } = message;
    const stored = await this.#deps.blobs.put(reply);
    const calls: BranchToolCall[] = toolUses(reply.content).map((call) => ({
      ...call,
      input: clipped(call.input),
      answer: 'open',
    }));
    const { model, stopReason, usage } = reply;
    const costUsd = this.#deps.prices.cost(model ?? this.#loaded.branch.model, usage);
    if (parent !== null) {
      return this.#log.append({ type: 'subagent-step', parent, reply: stored, model, usage, calls, costUsd });
    }
    await this.#log.append({
      type: 'step-completed',
      result: {
        step,
        turn: this.#sending.turn,
        reply: stored,
        model,
        stopReason,
        usage,
        toolCalls: calls.length,
        costUsd,
      },
    });
    if (calls.length > 0) await this.#log.append({ type: 'tools-answered', step, calls });
    this.#measured ??= this.#measure();
  }

  /** Compares what Claude Code really sent with the recording, once, where it logs its requests. */
  async #measure(): Promise<void> {
    const known = this.#loaded.own.some((event) => event.type === 'prefix-measured');
    const prefix = known ? null : await measureBranchPrefix(this.#loaded, this.#deps).catch(() => null);
    // Nobody waits for it yet: a log that can't be written shows itself at the next event.
    if (prefix !== null) this.#log.write({ type: 'prefix-measured', prefix });
  }

  async #ask(question: Question, questions: OpenQuestions, over: AbortSignal, withdrawn: AbortSignal): Promise<Answer> {
    if (questions.allows(question)) return { behavior: 'allow', scope: 'call' };
    const owed = questions.takeOwed(question);
    if (owed !== null) return this.#answered(question.callId, owed);
    const waiting = questions.wait(question, AbortSignal.any([over, withdrawn]));
    // It may reject while the event is still being written: the caller below gets the error.
    waiting.catch(() => {});
    // Time stands still from here on: also where the question can't be announced for a while.
    return this.#time.whileWaiting(this.#askPerson(question, waiting, withdrawn, over));
  }

  async #answered(callId: string, passed: PassedAnswer): Promise<Answer> {
    await this.#writing;
    await this.#log.append({ type: 'question-answered', callId, ...passed });
    return passed.answer;
  }

  async #askPerson(
    question: Question,
    waiting: Promise<PassedAnswer>,
    withdrawn: AbortSignal,
    over: AbortSignal,
  ): Promise<Answer> {
    const { callId } = question;
    const signal = AbortSignal.any([over, withdrawn]);
    try {
      await this.#writing;
      // Registered before a person can see the question, so that no answer comes too early.
      await this.#options.onQuestion?.(callId, 'open', signal);
      await this.#log.append({ type: 'question-asked', question });
      return await this.#answered(callId, await waiting);
    } catch (error) {
      // A log that can't be written shows itself elsewhere.
      const wentOn = withdrawn.aborted && !over.aborted ? ({ wentOn: true } as const) : {};
      await this.#log.append({ type: 'question-withdrawn', callId, ...wentOn }).catch(() => {});
      throw error;
    } finally {
      await this.#options.onQuestion?.(callId, 'closed', signal);
    }
  }
}

class TimeIsUp extends Error {}

/** Active time of the branch so far, in milliseconds. Who runs it again gives it its time anew. */
function spentMs({ own }: LoadedBranch): number {
  return sinceReset(own).reduce((sum, event) => sum + (event.type === 'agent-turn-ended' ? event.activeMs : 0), 0);
}

function outcomeOf(end: AgentTurnEnd, { clock }: Pick<AgentWorkDeps, 'clock'>): AgentTurnOutcome {
  const { kind, stopReason, error, costUsd } = end;
  if (kind !== 'limit') return { kind, stopReason, error, costUsd };
  const resetsAt = end.resetsAt ?? new Date(clock.now() + unknownLimitMs).toISOString();
  return { kind, stopReason, error, costUsd, resetsAt };
}
