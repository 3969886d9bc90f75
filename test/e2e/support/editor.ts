import { inject } from 'vitest';
import { type CodeServer, type CodeServerOptions, startCodeServer } from '../../../scripts/codeServer.ts';

/** Settings of every editor: TypeScript's server, which each window starts for such files, costs more than the test. */
export const editorSettings = { 'files.associations': { '*.js': 'plaintext', '*.ts': 'plaintext' } };

/**
 * An editor of a test file's own, with the packed extension. One at a time: all answer at the same address, so that Chromium
 * reads and compiles the editor's scripts once. `Workbench.open` clears what an earlier one stored.
 */
export function startEditor({
  settings,
  ...options
}: Partial<CodeServerOptions> & { workspace: string }): Promise<CodeServer> {
  return startCodeServer({
    extensionsDir: inject('extensionsDir'),
    port: inject('editorPort'),
    settings: { ...editorSettings, ...settings },
    ...options,
  });
}
