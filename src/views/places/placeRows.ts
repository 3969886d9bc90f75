import type { PlaceInfo } from '../../core/agent/agentPorts.ts';
import { fileSize, plural, relativeTime } from '../../core/format.ts';
import type { RunView } from '../../core/run/runView.ts';
import { branchName } from '../runTree/runNodes.ts';

/** A place in words. */
export interface PlaceRow {
  label: string;
  description: string;
  detail: string;
  /** Its run is gone and nobody lives in it: it can be removed. */
  removable: boolean;
}

/** Whose a place is, how large and old it is, and what holds it. @param now milliseconds since the epoch */
export function placeRow(place: PlaceInfo, run: RunView | undefined, now: number): PlaceRow {
  const branch = run?.branches.find(({ branchId }) => branchId === place.id.name);
  const name = branch === undefined ? baselineName(place.id.name) : branchName(branch);
  const age = relativeTime(place.createdAt, now);
  return {
    label: run === undefined ? `${name} of a run that is gone` : `${name} · ${run.title}`,
    description: [
      place.kind,
      fileSize(place.bytes),
      age === 'now' ? 'just made' : `${age} old`,
      place.inUse && 'in use',
    ]
      .filter((fact) => fact !== false)
      .join(' · '),
    detail: place.root,
    removable: place.orphan && !place.inUse,
  };
}

/** `3 places, 12 MB; 1 of them belongs to no run`. */
export function placesSummary(places: readonly PlaceInfo[]): string {
  const bytes = places.reduce((sum, place) => sum + place.bytes, 0);
  const orphans = places.filter(({ orphan }) => orphan).length;
  const said = orphans === 0 ? '' : `; ${orphans} of them ${orphans === 1 ? 'belongs' : 'belong'} to no run`;
  return `${plural(places.length, 'place')}, ${fileSize(bytes)}${said}`;
}

function baselineName(name: string): string {
  return name === 'fork-point' ? 'fork point' : name;
}
