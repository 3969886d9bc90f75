import type { ConversationRow } from '../protocol.ts';
import { type DropPlace, dropPlace } from './dropPlace.ts';

const edge = 28;
const step = 12;

/** Drags the cut with the pointer. The list scrolls when the pointer comes near its ends; Escape leaves all as it was. */
export function dragCut(
  start: PointerEvent,
  scroller: HTMLElement,
  rowAt: (row: number) => ConversationRow | null,
  report: (place: DropPlace | null) => void,
  drop: (place: DropPlace | null) => void,
): void {
  const handle = start.currentTarget as HTMLElement;
  let place: DropPlace | null = null;
  let y = start.clientY;
  let frame = 0;
  const look = () => {
    place = placeUnder(y, scroller, rowAt) ?? place;
    report(place);
  };
  const scroll = () => {
    const box = scroller.getBoundingClientRect();
    if (y < box.top + edge) scroller.scrollTop -= step;
    else if (y > box.bottom - edge) scroller.scrollTop += step;
    look();
    frame = requestAnimationFrame(scroll);
  };
  const finish = (accepted: boolean) => {
    cancelAnimationFrame(frame);
    listeners.abort();
    drop(accepted ? place : null);
  };
  const listeners = new AbortController();
  const { signal } = listeners;
  handle.setPointerCapture(start.pointerId);
  handle.addEventListener(
    'pointermove',
    (event) => {
      if (!frame) frame = requestAnimationFrame(scroll);
      y = event.clientY;
    },
    { signal },
  );
  handle.addEventListener('pointerup', () => finish(true), { signal });
  handle.addEventListener('pointercancel', () => finish(false), { signal });
  window.addEventListener('keydown', (event) => event.key === 'Escape' && finish(false), { signal });
}

function placeUnder(
  y: number,
  scroller: HTMLElement,
  rowAt: (row: number) => ConversationRow | null,
): DropPlace | null {
  const box = scroller.getBoundingClientRect();
  const inside = Math.min(Math.max(y, box.top + 1), box.bottom - 1);
  const element = document.elementFromPoint(box.left + box.width / 2, inside)?.closest<HTMLElement>('[data-row]');
  if (!element) return null;
  const area = element.getBoundingClientRect();
  return dropPlace(Number(element.dataset['row']), y > area.top + area.height / 2, rowAt);
}
