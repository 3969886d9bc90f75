import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer, Question } from '../../../../src/core/agent/agentFacts.ts';
import { BadInputError, StorageError } from '../../../../src/core/errors.ts';
import type { RunView } from '../../../../src/core/run/runView.ts';
import { askedQuestions, questionKey } from '../../../../src/views/questions/askedQuestions.ts';
import { answerGiver, questionCommands } from '../../../../src/views/questions/questionCommands.ts';
import type { QuestionDocuments } from '../../../../src/views/questions/questionDocuments.ts';
import { questionNotifications } from '../../../../src/views/questions/questionNotifications.ts';
import type { RunList, RunListener } from '../../../../src/views/runTree/runList.ts';
import type { ServiceProvider } from '../../../../src/views/viewServices.ts';
import { branch, run } from '../support/runs.ts';

const editor = vi.hoisted(() => ({
  messages: [] as { text: string; buttons: string[]; choose: (button: string | undefined) => void }[],
  status: [] as string[],
  executed: [] as unknown[][],
  /** What is picked or typed, in order. */
  inputs: [] as (string | undefined)[],
}));

vi.mock('vscode', async () => {
  const { FakeUri } = await import('../support/fakeUri.ts');
  return {
    Uri: FakeUri,
    QuickPickItemKind: { Separator: -1 },
    QuickInputButtons: { Back: {} },
    Disposable: class {
      constructor(readonly dispose: () => void) {}
    },
    workspace: { isTrusted: true },
    commands: { executeCommand: async (...args: unknown[]) => void editor.executed.push(args) },
    window: {
      showInformationMessage: (text: string, ...buttons: string[]) =>
        new Promise((choose) => void editor.messages.push({ text, buttons, choose })),
      setStatusBarMessage: (text: string) => void editor.status.push(text),
      createQuickPick: () => new FakeInput(),
      createInputBox: () => new FakeInput(),
    },
  };
});

/** A quick pick or an input box that is answered with the next of the inputs: a label, or a text. */
class FakeInput {
  items: { label: string; value: unknown }[] = [];
  activeItems: { label: string; value: unknown }[] = [];
  selectedItems: unknown[] = [];
  value = '';
  #accept = () => {};
  #hide = () => {};
  onDidAccept = (listener: () => void) => void (this.#accept = listener);
  onDidHide = (listener: () => void) => void (this.#hide = listener);
  onDidTriggerButton = () => {};
  onDidChangeValue = () => {};
  dispose = () => {};
  show() {
    queueMicrotask(() => {
      const given = editor.inputs.shift();
      if (given === undefined) return this.#hide();
      this.value = given;
      const labels = given.split('+');
      this.activeItems = this.items.filter(({ label }) => label.includes(given)).slice(0, 1);
      this.selectedItems = this.items.filter(({ label }) => labels.includes(label));
      this.#accept();
    });
  }
}

const question = (over: Partial<Question> = {}): Question => ({
  callId: 'toolu_1',
  tool: 'Bash',
  input: { command: 'npm install left-pad' },
  askedAt: '2026-11-20T10:00:04Z',
  reason: null,
  ...over,
});
const asking = (...questions: Question[]): RunView =>
  run({
    executor: 'claude-code',
    state: 'running',
    branches: [branch('b1-1', { state: 'waiting', waitingFor: 'answer', questions })],
  });

/** Questions of one run, and what they are answered with. */
function fixture(first: RunView) {
  let view = first;
  const listeners = new Set<RunListener>();
  const given: [string, Answer][] = [];
  let failure: Error | null = null;
  const forks = {
    answer: async (_run: string, _branch: string, callId: string, answer: Answer) => {
      if (failure !== null) throw failure;
      given.push([callId, answer]);
    },
  };
  const services = { get: async () => ({ forks }) } as unknown as ServiceProvider;
  const show = (next: RunView) => {
    const before = view;
    view = next;
    for (const listener of listeners) listener([{ runId: view.runId, before, after: view }]);
  };
  const runs = {
    get runs() {
      return [view];
    },
    load: async () => {},
    refresh: async () => show(view),
    onDidChange: (listener: RunListener) => {
      listeners.add(listener);
      return { dispose: () => listeners.delete(listener) };
    },
  } as unknown as RunList;
  const opened: string[] = [];
  const documents = {
    find: (target: Parameters<typeof questionKey>[0]) =>
      askedQuestions([view]).find((asked) => questionKey(asked) === questionKey(target)),
    open: async ({ callId }: { callId: string }) => void opened.push(callId),
  } as unknown as QuestionDocuments;
  const deps = { services, runs, documents };
  const target = { runId: view.runId, branchId: view.branches[0]?.branchId ?? ('' as never), callId: 'toolu_1' };
  return {
    commands: questionCommands(deps),
    give: answerGiver(deps),
    runs,
    given,
    opened,
    show,
    target,
    fail: (error: Error) => {
      failure = error;
    },
  };
}

beforeEach(() => {
  editor.messages.length = 0;
  editor.status.length = 0;
  editor.executed.length = 0;
  editor.inputs = [];
});

describe('answering', () => {
  it('allows once, for the branch, or for the run', async () => {
    const { commands, given, target } = fixture(asking(question()));
    await commands['forkpoint.allowCall'](target);
    for (const pick of ['Allow', 'Allow for This Branch', 'Allow for This Run']) {
      editor.inputs = [pick];
      await commands['forkpoint.answerQuestion'](target);
    }
    expect(given.map(([, answer]) => answer)).toEqual([
      { behavior: 'allow', scope: 'call' },
      { behavior: 'allow', scope: 'call' },
      { behavior: 'allow', scope: 'branch' },
      { behavior: 'allow', scope: 'run' },
    ]);
  });

  it('denies with a message or without one, and not at all where the person gives up', async () => {
    const { commands, given, target } = fixture(asking(question()));
    editor.inputs = [' Use what is there. '];
    await commands['forkpoint.denyCall'](target);
    editor.inputs = [''];
    await commands['forkpoint.denyCall'](target);
    editor.inputs = [undefined];
    await commands['forkpoint.denyCall'](target);
    expect(given.map(([, answer]) => answer)).toEqual([
      { behavior: 'deny', scope: 'call', message: 'Use what is there.' },
      { behavior: 'deny', scope: 'call' },
    ]);
  });

  it('chooses among the options of each question, or answers in other words', async () => {
    const questions = [
      { question: 'Which one?', header: 'Lib', multiSelect: false, options: [{ label: 'a' }, { label: 'b' }] },
      { question: 'Which ones?', header: 'Libs', multiSelect: true, options: [{ label: 'c' }, { label: 'd' }] },
      { question: 'Why?', header: 'Why', multiSelect: false, options: [{ label: 'e' }] },
    ];
    const { commands, given, target } = fixture(asking(question({ tool: 'AskUserQuestion', input: { questions } })));
    editor.inputs = ['b', 'c+d', 'Other…', 'Because.'];
    // Yes alone is no answer to such a question.
    await commands['forkpoint.allowCall'](target);
    const answers = { 'Which one?': 'b', 'Which ones?': 'c, d', 'Why?': 'Because.' };
    expect(given).toEqual([['toolu_1', { behavior: 'allow', scope: 'call', answers }]]);
    editor.inputs = ['b', undefined];
    await commands['forkpoint.showQuestion'](target);
    expect(given).toHaveLength(1);
  });

  it('shows a plan before it is approved', async () => {
    const { commands, given, opened, target } = fixture(
      asking(question({ tool: 'ExitPlanMode', input: { plan: 'p' } })),
    );
    editor.inputs = ['Show Plan'];
    await commands['forkpoint.answerQuestion'](target);
    expect([opened, given]).toEqual([['toolu_1'], []]);
    editor.inputs = ['Approve'];
    await commands['forkpoint.answerQuestion'](target);
    expect(given).toEqual([['toolu_1', { behavior: 'allow', scope: 'call' }]]);
  });

  it('takes the only question without asking which, and says where none waits', async () => {
    const { commands, given, show } = fixture(asking(question()));
    editor.inputs = ['Allow'];
    await commands['forkpoint.answerQuestion']();
    expect(given).toHaveLength(1);
    show(asking());
    await expect(commands['forkpoint.answerQuestion']()).rejects.toThrow('No agent waits');
  });

  it('says quietly that somebody was faster, and lets other errors through', async () => {
    const { commands, give, given, fail, target, show } = fixture(asking(question()));
    fail(new BadInputError('It was answered already.', 'Nothing to do.'));
    await give(target, { behavior: 'allow', scope: 'call' });
    expect(editor.status).toEqual(['It was answered already. Nothing to do.']);
    show(asking());
    await commands['forkpoint.allowCall'](target);
    expect(editor.status[1]).toContain('waits no more');
    expect([given, editor.messages]).toEqual([[], []]);
    fail(new StorageError('disk', ''));
    await expect(give(target, { behavior: 'allow', scope: 'call' })).rejects.toThrow('disk');
  });
});

describe('notifications', () => {
  const start = (first: RunView, isShowing = false) => {
    const made = fixture(first);
    const errors: unknown[] = [];
    questionNotifications({
      runs: made.runs,
      give: made.give,
      isShowing: () => isShowing,
      onError: async (error) => void errors.push(error),
    });
    return { ...made, errors };
  };
  const settled = () => new Promise((resolve) => setTimeout(resolve));

  it('name the branch and what it asks, once, with the answers as buttons', async () => {
    const { show, given } = start(asking());
    show(asking(question()));
    show(asking(question()));
    expect(editor.messages.map(({ text, buttons }) => [text, buttons])).toEqual([
      ['cheaper asks: npm install left-pad', ['Allow', 'Allow for This Branch', 'Deny…', 'Show']],
    ]);
    editor.messages[0]?.choose('Allow for This Branch');
    await settled();
    expect(given).toEqual([['toolu_1', { behavior: 'allow', scope: 'branch' }]]);
    // Its own notification has gone by the click: those of others stay.
    show(asking());
    expect(editor.executed).toEqual([]);
  });

  it('go out of the way when somebody else has answered', () => {
    const { show } = start(asking());
    show(asking(question()));
    show(asking());
    expect(editor.executed).toEqual([['notifications.hideToasts']]);
  });

  it('are one for several, for example after a reload', async () => {
    const { show } = start(asking());
    show(asking(question(), question({ callId: 'toolu_2' })));
    expect(editor.messages.map(({ text }) => text)).toEqual(['2 questions wait for you: cheaper.']);
    editor.messages[0]?.choose('Answer…');
    await settled();
    expect(editor.executed).toEqual([['forkpoint.answerQuestion']]);
  });

  it('offer no blind yes to a plan or a choice', () => {
    const { show } = start(asking());
    show(asking(question({ tool: 'ExitPlanMode', input: { plan: 'p' } })));
    show(asking(question({ callId: 'c', tool: 'AskUserQuestion', input: {} })));
    expect(editor.messages.map(({ buttons }) => buttons)).toEqual([['Show', 'Answer…'], ['Answer…']]);
  });

  it('are left out where the person looks at the run', () => {
    const { show } = start(asking(), true);
    show(asking(question()));
    expect(editor.messages).toEqual([]);
  });
});
