import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandTable } from '../../../src/views/commandTable.ts';
import { branchScheme, turnScheme } from '../../../src/views/documentUris.ts';

interface MenuItem {
  command: string;
  when?: string;
  group?: string;
}

const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
const { commands, menus, keybindings, viewsWelcome, configuration, views } = manifest.contributes as {
  commands: { command: string; title: string; category: string; enablement?: string }[];
  menus: Record<string, MenuItem[]>;
  keybindings?: { key: string }[];
  viewsWelcome: { view: string; when: string; contents: string }[];
  configuration: { properties: Record<string, { markdownDescription?: string; order?: number; scope?: string }> }[];
  views: { forkpoint: { id: string }[] };
};

describe('package.json and the table of commands', () => {
  it('name the same commands with the same titles', () => {
    const table = Object.entries(commandTable).map(([command, { title }]) => ({ command, title }));
    expect(commands.map(({ command, title }) => ({ command, title }))).toEqual(table);
    expect(new Set(commands.map(({ category }) => category))).toEqual(new Set(['Forkpoint']));
  });

  it('hide from the palette what needs a row', () => {
    const hidden = Object.entries(commandTable).filter(([, { palette }]) => !palette);
    expect(menus['commandPalette']).toEqual(hidden.map(([command]) => ({ command, when: 'false' })));
  });

  it('use only our commands in menus', () => {
    const used = Object.values(menus).flatMap((items) => items.map(({ command }) => command));
    expect(used.filter((command) => !(command in commandTable))).toEqual([]);
  });

  it('leave the keys of Claude Code alone', () => expect(keybindings ?? []).toEqual([]));
});

describe('manifest', () => {
  it('links only to commands that exist', () => {
    const ours = viewsWelcome.flatMap(({ contents }) =>
      Array.from(contents.matchAll(/command:(forkpoint\.[\w.]+)/g), ([, id]) => id),
    );
    expect(ours.length).toBeGreaterThan(0);
    const focus = views.forkpoint.map(({ id }) => `${id}.focus`);
    expect(ours.filter((id) => id === undefined || !(id in commandTable || focus.includes(id)))).toEqual([]);
  });

  it('describes, orders and scopes every setting', () => {
    const settings = configuration.flatMap(({ properties }) => Object.entries(properties));
    for (const [name, { markdownDescription, order, scope }] of settings) {
      expect(markdownDescription, name).toBeTruthy();
      expect(order, name).toBeTypeOf('number');
      expect(scope, name).toMatch(/^(machine|window)$/);
    }
  });

  it('restricts what names paths or hosts to trusted workspaces', () => {
    const { supported, restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
    expect(supported).toBe('limited');
    const started = ['claudePath', 'checks', 'setup', 'teardown', 'places.include'];
    for (const name of ['apiBaseUrl', 'temporal.address', 'temporal.cliPath', ...started])
      expect(restrictedConfigurations).toContain(`forkpoint.${name}`);
  });

  it('activates for restored documents and never for everything', () => {
    expect(manifest.activationEvents).toEqual(
      expect.arrayContaining([turnScheme, branchScheme].map((scheme) => `onFileSystem:${scheme}`)),
    );
    expect(manifest.activationEvents).not.toContain('*');
    expect(manifest.activationEvents).not.toContain('onStartupFinished');
    expect(manifest.enabledApiProposals).toBeUndefined();
  });

  it('has a welcome for every state of both views', () => {
    for (const view of ['forkpoint.sessions', 'forkpoint.runs']) {
      const conditions = viewsWelcome
        .filter((welcome) => welcome.view === view)
        .map(({ when }) => when)
        .join('\n');
      for (const state of ['loading', 'empty', 'error', '!isWorkspaceTrusted'])
        expect(conditions, view).toContain(state);
    }
  });
});
