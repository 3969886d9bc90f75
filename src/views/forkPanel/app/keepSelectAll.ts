/**
 * Keeps Ctrl+A in a text field to the field. The editor around the panel would hear of it too and select all once more, a
 * moment later: what was typed meanwhile would be replaced by the next letter.
 */
export function keepSelectAll(event: KeyboardEvent): void {
  const { key, ctrlKey, altKey, shiftKey, metaKey, target } = event;
  if (key.toLowerCase() !== 'a' || !ctrlKey || altKey || shiftKey || metaKey) return;
  if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) event.stopPropagation();
}
