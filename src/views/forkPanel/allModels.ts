import { ForkpointError } from '../../core/errors.ts';
import { modelChoices } from './modelChoices.ts';
import type { PanelServices } from './panelContext.ts';
import type { Result } from './protocol.ts';

/**
 * Every model that can be offered: the near ones first, then those of other sessions, then what the API lists.
 * @param trusted the API is asked only in a trusted workspace
 */
export async function allModels(
  near: Parameters<typeof modelChoices>[0],
  { sessions, models }: Pick<PanelServices, 'sessions' | 'models'>,
  trusted: boolean,
): Promise<Result<'models'>> {
  const others = await sessions.list({ limit: 200 });
  let listed: string[] = [];
  let note = '';
  try {
    if (trusted) listed = (await (await models('anthropic')).listModels()).map(({ id }) => id);
  } catch (error) {
    // The list is a convenience: without a key or a network the box still takes any id.
    const noKey = error instanceof ForkpointError && error.code === 'authentication';
    note = noKey ? '' : 'The API’s models can’t be listed now.';
  }
  return {
    models: modelChoices([
      ...near,
      { source: 'other sessions', ids: others.flatMap((session) => session.models) },
      { source: 'API', ids: listed },
    ]),
    note,
  };
}
