/** Members of a tool's input that say what a call is about, the most telling first. */
const subjectKeys = ['file_path', 'notebook_path', 'path', 'command', 'pattern', 'url', 'query', 'description'];

/** What a tool call is about, as its input says: the file, the command, the pattern. Null where no member tells. */
export function callSubject(input: unknown): { key: string; text: string } | null {
  if (input === null || typeof input !== 'object') return null;
  const fields = input as Readonly<Record<string, unknown>>;
  for (const key of subjectKeys) {
    const text = fields[key];
    if (typeof text === 'string' && text.trim() !== '') return { key, text };
  }
  return null;
}

/**
 * One line for a tool call: the tool and what the call is about, for example `Edit  src/slugify.ts`.
 * @param projectPath a path below it is shown relative to it
 */
export function callTitle(call: { name: string; input: unknown }, projectPath: string | null): string {
  const subject = callSubject(call.input);
  return subject === null ? call.name : `${call.name}  ${relative(firstLine(subject.text), projectPath)}`;
}

function firstLine(text: string): string {
  const end = text.indexOf('\n');
  return end < 0 ? text : `${text.slice(0, end)} …`;
}

function relative(text: string, projectPath: string | null): string {
  const prefix = projectPath === null ? null : `${projectPath.replace(/[\\/]+$/, '')}/`;
  return prefix !== null && text.startsWith(prefix) ? text.slice(prefix.length) : text;
}
