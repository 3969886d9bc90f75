import * as vscode from 'vscode';
import { oneLine } from '../core/format.ts';
import { iconSafe } from '../core/plainText.ts';

/** A choice of a quick pick with what it stands for. */
export interface Choice<T> extends vscode.QuickPickItem {
  value: T;
}

/** A choice whose texts come from recordings: in one line, and with `$(icon)` shown as it is. */
export function choice<T>(value: T, label: string, description = '', detail?: string): Choice<T> {
  const safe = (text: string, max: number) => iconSafe(oneLine(text, max));
  return {
    value,
    label: safe(label, 100),
    description: safe(description, 100),
    ...(detail !== undefined && { detail: safe(detail, 160) }),
  };
}

/** How a step of several ended: `undefined` when the person gave up, `back` for the step before. */
export type StepResult<T> = T | 'back' | undefined;

export interface StepOptions {
  title: string;
  placeholder: string;
  /** 1-based number of this step and how many there are; null for a question that stands alone. */
  step?: { at: number; of: number };
  /** Makes a choice of what was typed, where free text is welcome. */
  typed?: (text: string) => Choice<string> | null;
}

/** Lets one be picked. */
export function pickOne<T>(
  choices: readonly Choice<T>[],
  options: StepOptions & { active?: T },
): Promise<StepResult<T>> {
  const pick = makePick(choices, options);
  const active = choices.find(({ value }) => value === options.active);
  if (active !== undefined) pick.activeItems = [active];
  return answered<T>(pick, (resolve) => {
    pick.onDidAccept(() => {
      const [chosen] = pick.activeItems;
      if (chosen !== undefined) resolve(chosen.value);
    });
  });
}

/** Lets several be ticked. What is typed can be added where `typed` says how. At least one is needed unless `none` is an answer. */
export function pickMany(
  choices: readonly Choice<string>[],
  options: StepOptions & { ticked: readonly string[]; none?: boolean },
): Promise<StepResult<string[]>> {
  const pick = makePick(choices, options);
  pick.canSelectMany = true;
  let items = [...choices];
  pick.selectedItems = items.filter(({ value }) => options.ticked.includes(value));
  pick.onDidChangeValue((text) => {
    const typed = text.trim() === '' ? null : (options.typed?.(text.trim()) ?? null);
    const known = typed === null || items.some(({ value }) => value === typed.value);
    const ticked = pick.selectedItems;
    // What was typed and ticked stays after the text has been cleared.
    items = [...items.filter((item) => choices.includes(item) || ticked.includes(item)), ...(known ? [] : [typed])];
    pick.items = items;
    pick.selectedItems = ticked;
  });
  return answered<string[]>(pick, (resolve) => {
    pick.onDidAccept(() => {
      if (pick.selectedItems.length > 0 || options.none === true) resolve(pick.selectedItems.map(({ value }) => value));
    });
  });
}

/** Asks for a text. */
export function askText(
  options: StepOptions & { value?: string; validate?: (text: string) => string | undefined },
): Promise<StepResult<string>> {
  const input = vscode.window.createInputBox();
  const { step, title, placeholder, value, validate } = options;
  Object.assign(input, { title, placeholder, value: value ?? '', ignoreFocusOut: true });
  if (step !== undefined) {
    input.step = step.at;
    input.totalSteps = step.of;
    if (step.at > 1) input.buttons = [vscode.QuickInputButtons.Back];
  }
  return answered<string>(input, (resolve) => {
    input.onDidChangeValue((text) => {
      input.validationMessage = validate?.(text);
    });
    input.onDidAccept(() => {
      input.validationMessage = validate?.(input.value);
      if (input.validationMessage === undefined) resolve(input.value);
    });
  });
}

/** Keeps what a step answered, unless it was left. */
export async function kept<T>(answer: Promise<StepResult<T>>, keep: (value: T) => void): Promise<StepResult<T>> {
  const result = await answer;
  if (result !== undefined && result !== 'back') keep(result as T);
  return result;
}

/** What a step says that has nothing to ask. */
export const skip = Symbol('nothing to ask');

/**
 * Walks through steps, back and forth. Each step changes what it is about and says how it ended.
 * @returns false when the person gave up
 */
export async function walk(steps: readonly ((at: { at: number; of: number }) => Promise<unknown>)[]): Promise<boolean> {
  let index = 0;
  let by = 1;
  while (index < steps.length) {
    const result = await steps[index]?.({ at: index + 1, of: steps.length });
    if (result === undefined) return false;
    // A step that asks nothing is passed over in the direction that the person goes.
    if (result !== skip) by = result === 'back' ? -1 : 1;
    index = Math.max(0, index + by);
  }
  return true;
}

function makePick<T>(
  choices: readonly Choice<T>[],
  { title, placeholder, step }: StepOptions,
): vscode.QuickPick<Choice<T>> {
  const pick = vscode.window.createQuickPick<Choice<T>>();
  Object.assign(pick, {
    title,
    placeholder,
    items: choices,
    matchOnDescription: true,
    matchOnDetail: true,
    ignoreFocusOut: true,
  });
  if (step !== undefined) {
    pick.step = step.at;
    pick.totalSteps = step.of;
    if (step.at > 1) pick.buttons = [vscode.QuickInputButtons.Back];
  }
  return pick;
}

/** Shows an input until it was answered, left by its Back button, or closed. */
function answered<T>(
  input:
    | vscode.QuickPick<Choice<never>>
    | vscode.QuickPick<Choice<T>>
    | vscode.QuickPick<Choice<string>>
    | vscode.InputBox,
  listen: (resolve: (value: StepResult<T>) => void) => void,
): Promise<StepResult<T>> {
  return new Promise<StepResult<T>>((resolve) => {
    listen(resolve);
    input.onDidTriggerButton((button) => {
      if (button === vscode.QuickInputButtons.Back) resolve('back');
    });
    input.onDidHide(() => resolve(undefined));
    input.show();
  }).finally(() => input.dispose());
}
