import { plainText } from '../../core/plainText.ts';

// Colours and cursor moves (CSI), titles and links (OSC) up to their end, and the short sequences.
const sequences = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]/g;

/** What a terminal would show of a program's output in the end, as plain text: no colours, and of a progress line its last state. */
export function terminalText(output: string): string {
  const lines = output.replaceAll('\r\n', '\n').replace(sequences, '').split('\n');
  return plainText(lines.map((line) => line.replace(/\r+$/, '').replace(/^.*\r/s, '')).join('\n'));
}
