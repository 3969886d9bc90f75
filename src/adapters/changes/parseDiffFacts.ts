import type { ChangedFile } from '../../core/agent/agentFacts.ts';

const statuses: Record<string, ChangedFile['status']> = { A: 'added', D: 'deleted', R: 'renamed' };

/**
 * Reads `git diff-tree -r -z --raw --numstat -M`: first a status for each file, then its lines.
 * @returns sorted by path
 */
export function parseDiffFacts(text: string): ChangedFile[] {
  const parts = text.split('\0');
  const files = new Map<string, ChangedFile>();
  let at = 0;
  const next = (): string => parts[at++] ?? '';
  while (at < parts.length - 1) {
    const head = next();
    if (head.startsWith(':')) {
      const letter = head.slice(head.lastIndexOf(' ') + 1).charAt(0);
      const first = next();
      const isRenamed = letter === 'R';
      const path = isRenamed ? next() : first;
      const status = statuses[letter] ?? 'modified';
      files.set(path, { path, status, ...(isRenamed ? { from: first } : {}), added: 0, removed: 0, binary: false });
      continue;
    }
    const [added = '', removed = '', name = ''] = splitOnce(head);
    // A renamed file has its two names in parts of their own.
    if (name === '') next();
    const file = files.get(name === '' ? next() : name);
    if (file === undefined) continue;
    if (added === '-') file.binary = true;
    else Object.assign(file, { added: Number(added), removed: Number(removed) });
  }
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** `3 TAB 1 TAB name`, where the name may hold tabs. */
function splitOnce(line: string): string[] {
  const first = line.indexOf('\t');
  const second = line.indexOf('\t', first + 1);
  return [line.slice(0, first), line.slice(first + 1, second), line.slice(second + 1)];
}
