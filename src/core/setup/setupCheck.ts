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

/** The checks to read, a line each and the next step below it. */
export function setupText(checks: readonly SetupCheck[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, ok, needed, detail, hint }) => {
    const mark = ok ? '✓' : needed ? '✗' : '–';
    const next = hint === null ? [] : [`${' '.repeat(width + 4)}→ ${hint}`];
    return [`${mark} ${name.padEnd(width)}  ${detail}`, ...next];
  });
  const summary = isSetUp(checks)
    ? 'Everything that forks need by default is there.'
    : 'What is marked ✗ has to be mended before forks can run.';
  return [...lines, '', summary].join('\n');
}
