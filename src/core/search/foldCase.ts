/**
 * The text in small letters, every character in its place. A few characters become something of another length or of
 * another alphabet by their nature (`İ`, the Kelvin sign), and one looks different at a word's end (`ς`): the first are
 * left out of matching, the last is one letter.
 */
export function foldCase(text: string): string {
  return text.replace(/[\u0130\u212a\u03a3\u03c2]/g, folded).toLowerCase();
}

function folded(character: string): string {
  return character === '\u0130' || character === '\u212a' ? '\ufffd' : '\u03c3';
}
