// @vitest-environment jsdom
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Answer } from '../../../../src/core/agent/agentFacts.ts';
import { newDraft } from '../../../../src/views/forkPanel/newDraft.ts';
import type { AgentTexts, ForkDraft, QuestionView } from '../../../../src/views/forkPanel/protocol.ts';
import { draftDefaults } from '../support/agents.ts';

/** What the tests need of the page; the browser code itself is checked with the types of a browser. */
interface Element {
  textContent: string;
  value: string;
  checked: boolean;
  disabled: boolean;
  click(): void;
  closest(selector: string): Element | null;
  getAttribute(name: string): string | null;
  hasAttribute(name: string): boolean;
  querySelector(selector: string): Element | null;
  querySelectorAll(selector: string): Iterable<Element>;
  dispatchEvent(event: unknown): void;
}
const page = (globalThis as unknown as { document: { body: Element } }).document;
const { Event: PageEvent, HTMLElement } = globalThis as unknown as {
  Event: new (type: string, init?: object) => unknown;
  HTMLElement: { prototype: object };
};
// jsdom knows no popovers.
Object.assign(HTMLElement.prototype, { hidePopover: () => {} });

let render: (template: unknown, into: unknown) => void;
let html: (strings: TemplateStringsArray, ...values: unknown[]) => unknown;
let settings: (state: unknown, actions: unknown) => unknown;
let bar: (state: unknown, actions: unknown) => unknown;

beforeAll(async () => {
  // Named at run time: these modules are no part of the tests' own type check, which knows no browser.
  const app = (name: string) => new URL(`../../../../src/views/forkPanel/app/${name}.ts`, import.meta.url).pathname;
  const lit = 'lit';
  ({ render, html } = (await import(lit)) as { render: typeof render; html: typeof html });
  await import(app('questionCard'));
  ({ runSettings: settings } = (await import(app('runSettings'))) as { runSettings: typeof settings });
  ({ bottomBar: bar } = (await import(app('bottomBar'))) as { bottomBar: typeof bar });
});

beforeEach(() => render(null, page.body));

const one = (selector: string): Element => {
  const found = page.body.querySelector(selector);
  if (found === null) throw new Error(`Nothing matches ${selector}.`);
  return found;
};
const all = (selector: string): Element[] => [...page.body.querySelectorAll(selector)];
const labelled = (label: string): Element => one(`[aria-label="${label}"]`);
const button = (text: string): Element => {
  const found = all('button, vscode-button').find(({ textContent }) => textContent.trim() === text);
  if (found === undefined) throw new Error(`No button says ${text}.`);
  return found;
};
const type = (element: Element, value: string) => {
  element.value = value;
  element.dispatchEvent(new PageEvent('input', { bubbles: true }));
};
const choose = (element: Element, value: string) => {
  element.value = value;
  element.dispatchEvent(new PageEvent('change', { bubbles: true }));
};
const drawn = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('a question in a branch’s row', () => {
  const question: QuestionView = {
    callId: 'c',
    title: 'npm install left-pad',
    kind: 'permission',
    tool: 'Bash',
    reason: 'It is not allowed.',
    lines: [{ kind: 'same', text: 'npm install left-pad' }],
    choices: [],
  };
  let answers: Answer[];

  async function ask(over: Partial<QuestionView> = {}): Promise<void> {
    answers = [];
    const listen = ({ detail }: { detail: Answer }) => answers.push(detail);
    render(
      html`<question-card .question=${{ ...question, ...over }} branch="cheaper" @answer=${listen}></question-card>`,
      page.body,
    );
    await drawn();
  }

  it('shows the command in full and why it is asked; Allow answers once', async () => {
    await ask();
    expect(one('.question').getAttribute('aria-label')).toBe('cheaper: Bash asks: npm install left-pad');
    expect(one('pre').textContent).toContain('npm install left-pad');
    expect(page.body.textContent).toContain('It is not allowed.');
    button('Allow').click();
    button('Allow').click();
    expect(answers).toEqual([{ behavior: 'allow', scope: 'call' }]);
  });

  it('can be allowed for the branch or the run', async () => {
    await ask();
    button('Allow for This Run').click();
    expect(answers).toEqual([{ behavior: 'allow', scope: 'run' }]);
  });

  it('can be denied with a message', async () => {
    await ask();
    button('Deny…').click();
    await drawn();
    type(labelled('Message to the agent'), ' Use what is there. ');
    one('form').dispatchEvent(new PageEvent('submit', { bubbles: true, cancelable: true }));
    expect(answers).toEqual([{ behavior: 'deny', scope: 'call', message: 'Use what is there.' }]);
  });

  it('keeps what was begun when it is told anew, and begins anew with another question', async () => {
    await ask();
    button('Deny…').click();
    await drawn();
    type(labelled('Message to the agent'), 'No');
    await ask({ title: 'the same, told again' });
    expect(labelled('Message to the agent').value).toBe('No');
    await ask({ callId: 'd' });
    expect(page.body.querySelector('.deny-message')).toBeNull();
  });

  it('with options is answered by them, by a text of one’s own, and not before all are answered', async () => {
    const option = (label: string) => ({ label, text: label, description: '' });
    await ask({
      kind: 'choices',
      lines: [],
      choices: [
        { question: 'Which?', text: 'Which?', header: '', several: true, options: [option('A'), option('B')] },
        { question: 'How?', text: 'How?', header: '', several: false, options: [option('C')] },
      ],
    });
    expect(button('Answer').hasAttribute('disabled')).toBe(true);
    for (const box of all('input[type=checkbox]')) box.dispatchEvent(new PageEvent('change', { bubbles: true }));
    type(labelled('Another answer to: How?'), 'Otherwise');
    await drawn();
    button('Answer').click();
    expect(answers).toEqual([{ behavior: 'allow', scope: 'call', answers: { 'Which?': 'A, B', 'How?': 'Otherwise' } }]);
  });

  it('about a plan is approved, or planning goes on', async () => {
    await ask({ kind: 'plan', tool: 'ExitPlanMode' });
    button('Approve Plan').click();
    expect(answers).toEqual([{ behavior: 'allow', scope: 'call' }]);
    await ask({ kind: 'plan', callId: 'e' });
    expect(button('Keep Planning…').textContent).toContain('Keep');
    expect(all('button').map(({ textContent }) => textContent.trim())).not.toContain('Allow for This Run');
  });
});

describe('the settings of a run', () => {
  const agent: AgentTexts = {
    place: { text: 'overlay at ~/shop', tooltip: 'Why.' },
    places: [
      { place: 'auto', label: 'best', available: true },
      { place: 'copy', label: 'copy', available: false },
    ],
    login: { text: 'Claude Max plan: counts against your plan', tooltip: '' },
    files: { text: '12 exact', tooltip: '' },
    warnings: [],
    setupOffers: [],
    bypassRefused: null,
  };
  let edits: Partial<ForkDraft>[];
  let called: string[];

  function show(draft: Partial<ForkDraft>, over: object = {}): void {
    edits = [];
    called = [];
    const state = {
      draft: { ...newDraft('/s', { turn: 1 }, draftDefaults), ...draft },
      executor: 'claude-code',
      answerers: [
        { executor: 'claude-code', label: 'Claude Code 2.1.329, in a copy of its own', detail: '' },
        { executor: 'api', label: 'Messages API, nothing is executed', detail: '' },
      ],
      engines: [],
      problems: [],
      preview: { agent },
      ...over,
    };
    const actions = {
      act: ({ change }: { change: Partial<ForkDraft> }) => edits.push(change),
      startTemporal: () => called.push('startTemporal'),
      showFiles: () => called.push('showFiles'),
      chooseBypass: () => called.push('chooseBypass'),
    };
    render(settings(state, actions), page.body);
  }

  it('are those of agents where Claude Code answers, and those of the API where that does', () => {
    show({});
    const legends = () => all('legend').map(({ textContent }) => textContent);
    expect(legends()).toEqual(['Answered by', 'Files', 'Asks for', 'Set-up', 'Checks', 'Run in', 'Limits']);
    expect(page.body.textContent).toContain('Claude Max plan: counts against your plan');
    show({ executor: 'api' });
    expect(legends()).toEqual(['Answered by', 'Tools', 'Run in', 'Limits']);
    one('input[value="claude-code"]').dispatchEvent(new PageEvent('change'));
    expect(edits).toEqual([{ executor: 'claude-code' }]);
  });

  it('name a commit, show the files, and say what is wrong beside the field', () => {
    show({});
    button('Show Files').click();
    choose(labelled('Files that agents begin with'), 'commit');
    expect([called, edits]).toEqual([['showFiles'], [{ files: { mode: 'commit', commit: '' } }]]);
    show({ files: { mode: 'commit', commit: '' } }, { problems: [{ field: 'files', message: 'Name a commit.' }] });
    const input = labelled('Commit: hash, branch or tag');
    expect(input.getAttribute('aria-describedby')).toBe('problem-files');
    type(input, 'v1');
    expect(edits).toEqual([{ files: { mode: 'commit', commit: 'v1' } }]);
  });

  it('go on without asking only after a yes, and where it is refused not at all', () => {
    show({});
    const select = labelled('What agents ask for');
    choose(select, 'bypass');
    expect([called, edits, select.value]).toEqual([['chooseBypass'], [], 'ask']);
    choose(select, 'deny');
    expect(edits).toEqual([{ permissions: 'deny' }]);
    show({}, { preview: { agent: { ...agent, bypassRefused: 'Only in an overlay.' } } });
    expect(one('option[value=bypass]').disabled).toBe(true);
  });

  it('offer the set-up of another tool, and take it over only when asked to', () => {
    const offers = [{ source: '.cursor/worktrees.json', text: 'npm ci\nmake', commands: ['npm ci', 'make'] }];
    const preview = { agent: { ...agent, setupOffers: offers } };
    show({ setup: [{ key: 'c1', run: '' }] }, { preview });
    expect(one('.offer').textContent).toContain('Set-up found in .cursor/worktrees.json:');
    expect([one('.offer code').textContent, edits]).toEqual(['npm ci\nmake', []]);
    labelled('Use the set-up of .cursor/worktrees.json').click();
    expect(edits.map(({ setup }) => setup?.map(({ run }) => run))).toEqual([['npm ci', 'make']]);
    show({ setup: [{ key: 'c4', run: 'npm ci' }] }, { preview });
    labelled('Use the set-up of .cursor/worktrees.json').click();
    expect(edits).toEqual([
      {
        setup: [
          { key: 'c4', run: 'npm ci' },
          { key: 'n5', run: 'make' },
        ],
      },
    ]);
  });

  it('add, name and remove checks', () => {
    show({ checks: [{ key: 'c1', name: '', run: 'npm test', timeoutSeconds: 60 }] });
    labelled('Add Check').click();
    type(labelled('Name of check 1'), 'tests');
    labelled('Remove check 1').click();
    expect(edits).toEqual([
      {
        checks: [
          { key: 'c1', name: '', run: 'npm test', timeoutSeconds: 60 },
          { key: 'n2', name: '', run: '', timeoutSeconds: null },
        ],
      },
      { checks: [{ key: 'c1', name: 'tests', run: 'npm test', timeoutSeconds: 60 }] },
      { checks: [] },
    ]);
  });

  it('offer the places that can be had, and mark the chosen one', async () => {
    show({});
    await drawn();
    const items = all('menu-button [role=menuitemradio]');
    expect(items.map((item) => [item.getAttribute('aria-checked'), item.disabled])).toEqual([
      ['true', false],
      ['false', true],
    ]);
  });
});

it('where nothing can answer, the bar says why and offers the steps', () => {
  const steps: string[] = [];
  const blocked = { message: 'There is no API key.', steps: [{ do: 'setApiKey', label: 'Set API Key…' }] };
  const preview = { facts: [], notes: [], runLabel: 'Run 1 branch' };
  const state = { phase: 'ready', run: null, preview, problems: [], blocked, previewOf: 1, revision: 1 };
  render(bar(state, { takeStep: (step: string) => steps.push(step) }), page.body);
  expect(one('.blocked').textContent).toContain('There is no API key.');
  expect(all('vscode-button').at(-1)?.hasAttribute('disabled')).toBe(true);
  button('Set API Key…').click();
  expect(steps).toEqual(['setApiKey']);
});
