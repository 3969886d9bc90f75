import type { PlaceFact } from '../agent/agentFacts.ts';

/**
 * Gives texts of a branch with the recorded paths in place of its own: a worktree and a copy lie elsewhere, and a course that
 * differs in nothing else is the same course.
 * @param folder of the session, absolute, as recorded
 */
export function recordedPaths(place: PlaceFact | null, folder: string): (text: string) => string {
  if (place === null || place.path === folder) return (text) => text;
  // The folder may lie inside of what was laid out: what both paths end with is not part of the way there.
  const [own, recorded] = [place.path.split('/'), folder.split('/')];
  while (own.length > 1 && recorded.length > 1 && own.at(-1) === recorded.at(-1)) {
    own.pop();
    recorded.pop();
  }
  const [from, to] = [own.join('/'), recorded.join('/')];
  return from === '' ? (text) => text : (text) => text.replaceAll(from, to);
}
