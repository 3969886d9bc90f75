import { beforeEach, expect, it, vi } from 'vitest';
import type { TemporalProfile } from '../../../../src/core/run/temporalControl.ts';
import type { Choice } from '../../../../src/views/quickInput.ts';
import { temporalProfileCommand } from '../../../../src/views/temporal/temporalProfileCommand.ts';
import type { ServiceProvider } from '../../../../src/views/viewServices.ts';

const editor = vi.hoisted(() => ({
  settings: {} as Record<string, string | undefined>,
  shown: [] as Choice<string>[],
  picked: undefined as string | undefined,
  warnings: [] as string[],
  answer: undefined as string | undefined,
}));

vi.mock('vscode', () => ({
  ConfigurationTarget: { Global: 1 },
  workspace: {
    isTrusted: true,
    getConfiguration: () => ({
      get: (name: string) => editor.settings[name],
      update: async (name: string, value: string | undefined) => {
        editor.settings[name] = value;
      },
    }),
  },
  window: {
    showWarningMessage: async (message: string) => {
      editor.warnings.push(message);
      return editor.answer;
    },
  },
}));
vi.mock('../../../../src/views/quickInput.ts', async (original) => ({
  ...(await original<object>()),
  pickOne: async (choices: Choice<string>[]) => {
    editor.shown = choices;
    return editor.picked;
  },
}));

const profiles: TemporalProfile[] = [
  { name: 'default', address: null, namespace: 'default', tls: 'none', hasApiKey: false, chosen: true },
  { name: 'cloud', address: 'cloud.test:7233', namespace: 'team', tls: 'mutual', hasApiKey: true, chosen: false },
];
const services = { get: async () => ({ temporal: { profiles: async () => profiles } }) } as unknown as ServiceProvider;
const select = () => temporalProfileCommand(services)['forkpoint.selectTemporalProfile']();

beforeEach(() => {
  Object.assign(editor, { settings: {}, shown: [], picked: undefined, warnings: [], answer: undefined });
});

it('shows address, namespace and how each profile is secured, and keeps what is picked', async () => {
  editor.picked = 'cloud';
  await select();
  expect(editor.shown.map(({ label, description, detail }) => [label, description, detail])).toEqual([
    ['Follow the environment', 'TEMPORAL_PROFILE, else the profile “default”', undefined],
    ['default', '127.0.0.1:7233 · default', 'no TLS · in use'],
    ['cloud', 'cloud.test:7233 · team', 'TLS with a client certificate · API key'],
  ]);
  expect(editor.settings).toEqual({ profile: 'cloud' });
  expect(editor.warnings).toEqual([]);
});

it('changes nothing where nothing is picked', async () => {
  editor.settings = { profile: 'cloud', address: '127.0.0.1:7300' };
  await select();
  expect(editor.settings).toEqual({ profile: 'cloud', address: '127.0.0.1:7300' });
  expect(editor.warnings).toEqual([]);
});

it('says which settings go before the profile, and clears them on a click only', async () => {
  editor.settings = { address: '127.0.0.1:7300', namespace: 'mine' };
  editor.picked = 'cloud';
  await select();
  expect(editor.warnings).toEqual([
    'forkpoint.temporal.address and forkpoint.temporal.namespace are set and go before the profile.',
  ]);
  expect(editor.settings).toMatchObject({ profile: 'cloud', address: '127.0.0.1:7300', namespace: 'mine' });
  editor.answer = 'Clear';
  await select();
  expect(editor.settings).toEqual({ profile: 'cloud', address: undefined, namespace: undefined });
});
