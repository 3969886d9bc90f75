import type { Place, PlaceId, Places } from '../../agent/agentPorts.ts';
import { NotFoundError } from '../../errors.ts';

/** A place, null where there is none of that id. */
export async function openPlace(id: PlaceId, places: Pick<Places, 'open'>): Promise<Place | null> {
  try {
    return await places.open(id);
  } catch (error) {
    if (error instanceof NotFoundError) return null;
    throw error;
  }
}
