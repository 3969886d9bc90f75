import type { Client } from '@temporalio/client';
import type { SearchAttributePair, SearchAttributeUpdatePair } from '@temporalio/common';
import type { ForkPlan } from '../../core/fork/forkPlan.ts';

// By these a person finds runs in the web UI. Ids, names of models and figures: a server shows them to all who may list workflows.

const keys = {
  session: { name: 'ForkpointSession', type: 'KEYWORD' },
  project: { name: 'ForkpointProject', type: 'KEYWORD' },
  model: { name: 'ForkpointModel', type: 'KEYWORD_LIST' },
  kind: { name: 'ForkpointKind', type: 'KEYWORD' },
  state: { name: 'ForkpointState', type: 'KEYWORD' },
  cost: { name: 'ForkpointCostUsd', type: 'DOUBLE' },
} as const;

/** Numbers of the types in the server's API (`IndexedValueType`). */
const typeNumbers = { KEYWORD: 2, DOUBLE: 4, KEYWORD_LIST: 7 } as const;

/** @param projectHash stands for the project's path, null where none is known */
export function searchAttributesOf(plan: ForkPlan, projectHash: string | null): SearchAttributePair[] {
  return [
    { key: keys.session, value: plan.session.sessionId },
    { key: keys.model, value: [...new Set(plan.branches.map(({ model }) => model))] },
    { key: keys.kind, value: plan.kind },
    { key: keys.state, value: 'running' },
    ...(projectHash === null ? [] : [{ key: keys.project, value: projectHash }]),
  ];
}

/** @param costUsd null where it is unknown */
export function changedAttributes(state: string, costUsd: number | null): SearchAttributeUpdatePair[] {
  return [
    { key: keys.state, value: state },
    { key: keys.cost, value: costUsd },
  ];
}

/** Clients whose server said that it has them all: it is not asked again before each run. */
const served = new WeakSet<Client>();

/** For a server that doesn't know them after all: it may have been started anew without its data. */
export function askAgainForAttributes(client: Client): void {
  served.delete(client);
}

/**
 * Makes our attributes known to the server's namespace.
 * @param client used with this one namespace
 * @returns false where it does not let us, or has others of these names: a run goes without them
 */
export async function registerSearchAttributes(client: Client, namespace: string): Promise<boolean> {
  if (served.has(client)) return true;
  try {
    const { operatorService } = client.connection;
    const { customAttributes: known } = await operatorService.listSearchAttributes({ namespace });
    const missing = Object.values(keys).filter(({ name }) => known[name] === undefined);
    if (missing.length > 0) {
      const searchAttributes = Object.fromEntries(missing.map(({ name, type }) => [name, typeNumbers[type]]));
      await operatorService.addSearchAttributes({ namespace, searchAttributes });
    }
    const fit = Object.values(keys).every(({ name, type }) =>
      [undefined, typeNumbers[type]].includes(known[name] as never),
    );
    if (fit && missing.length === 0) served.add(client);
    return fit;
  } catch {
    return false;
  }
}
