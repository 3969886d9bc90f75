const gap = 2;

/** Puts a popover under its anchor, or above it where there is more room, inside the window. */
export function placePopover(popover: HTMLElement, anchor: HTMLElement, align: 'left' | 'right'): void {
  const box = anchor.getBoundingClientRect();
  const below = window.innerHeight - box.bottom;
  const up = below < Math.min(popover.scrollHeight, 220) && box.top > below;
  const room = (up ? box.top : below) - gap * 4;
  const { style } = popover;
  style.maxHeight = `${Math.max(room, 80)}px`;
  style.minWidth = `${Math.min(box.width, window.innerWidth - 16)}px`;
  style.maxWidth = `${window.innerWidth - 16}px`;
  const width = Math.max(popover.offsetWidth, box.width);
  const left = align === 'left' ? box.left : box.right - width;
  style.left = `${Math.max(8, Math.min(left, window.innerWidth - width - 8))}px`;
  style.top = up ? 'auto' : `${box.bottom + gap}px`;
  style.bottom = up ? `${window.innerHeight - box.top + gap}px` : 'auto';
}
