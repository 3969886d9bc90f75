import * as vscode from 'vscode';
import type { TemporalProfile } from '../../core/run/temporalControl.ts';
import type { CommandHandlers } from '../commands.ts';
import { requireTrust } from '../dispatchRun.ts';
import { choice, pickOne } from '../quickInput.ts';
import type { ServiceProvider } from '../viewServices.ts';

/** Lets a person choose which of their Temporal profiles runs are sent with. */
export function temporalProfileCommand(
  services: ServiceProvider,
): Pick<CommandHandlers, 'forkpoint.selectTemporalProfile'> {
  return {
    'forkpoint.selectTemporalProfile': async () => {
      requireTrust();
      const profiles = await (await services.get()).temporal.profiles();
      const configuration = vscode.workspace.getConfiguration('forkpoint.temporal');
      const set = configuration.get<string>('profile') ?? '';
      const none = choice('', 'Follow the environment', 'TEMPORAL_PROFILE, else the profile “default”');
      const picked = await pickOne([none, ...profiles.map(profileChoice)], {
        title: 'Temporal Profile',
        placeholder: profiles.length === 0 ? 'temporal.toml holds no profile' : 'Profile that runs are sent with',
        active: set,
      });
      if (picked === undefined || picked === 'back') return;
      await configuration.update('profile', picked === '' ? undefined : picked, vscode.ConfigurationTarget.Global);
      await offerToClear(configuration);
    },
  };
}

function profileChoice({ name, address, namespace, tls, hasApiKey, chosen }: TemporalProfile) {
  const how = [
    ...(tls === 'none' ? ['no TLS'] : [tls === 'mutual' ? 'TLS with a client certificate' : 'TLS']),
    ...(hasApiKey ? ['API key'] : []),
    ...(chosen ? ['in use'] : []),
  ];
  return choice(name, name, `${address ?? '127.0.0.1:7233'} · ${namespace}`, how.join(' · '));
}

/** Address and namespace of the settings go before a profile's, and a key goes to the profile's own address only. */
async function offerToClear(configuration: vscode.WorkspaceConfiguration): Promise<void> {
  const names = ['address', 'namespace'].filter((name) => (configuration.get<string>(name) ?? '') !== '');
  if (names.length === 0) return;
  const clear = 'Clear';
  const which = names.map((name) => `forkpoint.temporal.${name}`).join(' and ');
  const message = `${which} ${names.length === 1 ? 'is' : 'are'} set and ${names.length === 1 ? 'goes' : 'go'} before the profile.`;
  if ((await vscode.window.showWarningMessage(message, clear)) !== clear) return;
  for (const name of names) await configuration.update(name, undefined, vscode.ConfigurationTarget.Global);
}
