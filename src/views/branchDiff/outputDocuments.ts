import * as vscode from 'vscode';
import * as z from 'zod';
import type { ServiceProvider } from '../viewServices.ts';
import { VirtualDocuments } from '../virtualDocuments.ts';
import { outputScheme, parseOutputUri } from './outputUris.ts';
import { terminalText } from './terminalText.ts';

const storedOutputSchema = z.object({ text: z.string() });

/** What checks and set-up commands printed, as documents. */
export function outputDocuments(services: ServiceProvider): vscode.Disposable {
  return new VirtualDocuments(outputScheme, 'This is what a command printed. It can’t be edited.', async (uri) => {
    const asked = parseOutputUri(uri.query);
    if (asked === null) throw vscode.FileSystemError.FileNotFound(uri);
    const head = `${asked.name}\n${asked.outcome}\n\n`;
    if (asked.output === null) return `${head}It printed nothing that was kept.\n`;
    const { blobs } = await services.get();
    const { text } = storedOutputSchema.parse(await blobs.get(asked.output));
    return `${head}${terminalText(text)}${text.endsWith('\n') ? '' : '\n'}`;
  });
}
