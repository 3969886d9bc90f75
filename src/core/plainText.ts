/*
 * Text of recordings is untrusted. Everything that shows it goes through one of these functions, chosen by the surface:
 * a label that must not be reordered, an icon syntax that must not fire, a message that must not grow links.
 */

// C0 and C1 controls except tab and line feed, and the invisible characters that reorder or hide text. The joiners
// U+200C and U+200D stay: emoji and several scripts need them.
const unsafe =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2060-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** The text without control, bidi and invisible characters; line feeds and tabs stay, lone surrogates become U+FFFD. */
export function plainText(text: string): string {
  return text.replace(/\r\n?/g, '\n').toWellFormed().replace(unsafe, '');
}

/** For documents that are compared: what `plainText` strips is named instead, so that texts that differ in it look different. */
export function visibleText(text: string): string {
  const named = (character: string) => `‹U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}›`;
  return text.replace(/\r\n?/g, '\n').toWellFormed().replace(unsafe, named);
}

/** Half a character, as `JSON.stringify` writes it: many readers of JSON refuse it. */
const loneSurrogate = /(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g;

/** JSON that any reader takes: half characters become U+FFFD. @param json as `JSON.stringify` wrote it */
export function legalJson(json: string): string {
  return json.includes('\\ud') ? json.replace(loneSurrogate, '$1\\ufffd') : json;
}

/** JSON that a terminal may show: the same value, with what `plainText` strips written as escapes. */
export function printableJson(json: string): string {
  const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return json.replace(unsafe, (character) => character.split('').map(escape).join(''));
}

/**
 * Text for a terminal: the last guard behind the cleaning of each text that it was made of.
 * @param colors whether our own colour sequences are left in
 */
export function printableText(text: string, colors: boolean): string {
  if (!colors) return plainText(text);
  return text
    .split(/(\u001b\[\d{1,2}m)/)
    .map((part, index) => (index % 2 === 1 ? part : plainText(part)))
    .join('');
}

/** For labels in which VS Code draws `$(name)` as an icon (quick picks, status bar). */
export function iconSafe(text: string): string {
  return plainText(text).replace(/\$\(([\w~-]+)\)/g, '\\$($1)');
}

/** For notifications, in which VS Code turns `[text](target)` into a link or a command. */
export function messageSafe(text: string): string {
  return plainText(text).replaceAll('](', '] (');
}
