import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import * as vscode from 'vscode';

interface Manifest {
  contributes: { commands: { command: string }[] };
}

describe('activation', () => {
  const extension = vscode.extensions.getExtension('forkpoint.forkpoint');

  it('finds the extension', () => {
    assert.ok(extension, 'forkpoint.forkpoint is not installed');
  });

  it('activates', async () => {
    await extension?.activate();
    assert.equal(extension?.isActive, true);
  });

  it('registers every command that the manifest contributes', async () => {
    const registered = new Set(await vscode.commands.getCommands(true));
    assert.ok(extension);
    const { commands } = (extension.packageJSON as Manifest).contributes;
    assert.ok(commands.length > 0);
    assert.deepEqual(
      commands.map(({ command }) => command).filter((command) => !registered.has(command)),
      [],
    );
  });
});
