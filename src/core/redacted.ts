/** The text without anything that looks like a key, a bearer token or a password in an address: messages end in logs and on screens. */
export function redacted(text: string): string {
  return text
    .replace(/\bsk-[\w-]{6,}/g, 'sk-…')
    .replace(/\b(Bearer\s+)\S+/gi, '$1…')
    .replace(/(:\/\/)[^\s/@]+@/g, '$1…@');
}
