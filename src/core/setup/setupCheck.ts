/** One thing that Forkpoint works with: is it there and fit? */
export interface SetupCheck {
  /** One word, or two. */
  name: string;
  ok: boolean;
  /** What was found, a sentence. */
  detail: string;
  /** The next step, null where none is needed. */
  hint: string | null;
  /** Without it the default way of running forks does not work. */
  needed: boolean;
}

/** Whether everything that the default way needs is there. */
export function isSetUp(checks: readonly SetupCheck[]): boolean {
  return checks.every(({ ok, needed }) => ok || !needed);
}

/** Characters of a line beside the names: an editor's tab and a terminal of 100 columns show it whole. */
const lineLength = 80;

/** The checks to read: what was found beside the name of each, and the next step below it. */
export function setupText(checks: readonly SetupCheck[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, ok, needed, detail, hint }) => {
    const mark = ok ? '✓' : needed ? '✗' : '–';
    const next = hint === null ? [] : inLines(hint).map((line, at) => `${at === 0 ? '→' : ' '} ${line}`);
    const [first = '', ...rest] = inLines(detail);
    return [
      `${mark} ${name.padEnd(width)}  ${first}`,
      ...[...rest, ...next].map((line) => ' '.repeat(width + 4) + line),
    ];
  });
  const summary = isSetUp(checks)
    ? 'Everything that forks need by default is there.'
    : 'What is marked ✗ has to be mended before forks can run.';
  return [...lines, '', summary].join('\n');
}

/** Breaks at spaces only: a path or a command stays whole. */
function inLines(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= lineLength) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
