import type { Place } from '../../agent/agentPorts.ts';
import { pathMover } from '../../agent/movePaths.ts';
import type { Json } from '../../canonicalJson.ts';

/**
 * What a plan says, with the project's files named as they lie in the place: an agent at another path could change nothing where
 * the recorded ones lead.
 * @param configDir Claude Code's own folder, which stays where it is
 */
export function inPlace<T>(value: T, place: Pick<Place, 'projectRoot' | 'toPlace'>, configDir: string): T {
  const [from, to] = [place.projectRoot, place.toPlace(place.projectRoot)];
  if (from === to) return value;
  return pathMover({ from, to, except: [configDir] })(value as Json) as T;
}
