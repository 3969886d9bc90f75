/**
 * All that a workflow's history holds, as text: each string as it stands, and the bytes of each payload decoded, whatever event,
 * failure, header or memo it belongs to.
 */
export function historyText(history: unknown): string {
  const found: string[] = [];
  collect(history, found, new Set());
  return found.join('\n');
}

function collect(value: unknown, found: string[], seen: Set<unknown>): void {
  if (typeof value === 'string') found.push(value);
  if (value instanceof Uint8Array) found.push(Buffer.from(value).toString());
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array || seen.has(value)) return;
  seen.add(value);
  for (const [key, inner] of Object.entries(value)) {
    found.push(key);
    collect(inner, found, seen);
    // In a history as JSON, bytes are base64.
    if (key === 'data' && typeof inner === 'string') found.push(Buffer.from(inner, 'base64').toString());
  }
}
