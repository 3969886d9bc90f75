import path from 'node:path';
import { createAnthropicClient } from '../../src/adapters/anthropic/createAnthropicClient.ts';
import { createResultCache } from '../../src/adapters/cache/createResultCache.ts';
import { createPriceList } from '../../src/adapters/prices/createPriceList.ts';
import { systemClock } from '../../src/adapters/systemClock.ts';
import { createInProcessEngine } from '../../src/orchestration/inProcess/createInProcessEngine.ts';
import { noAgents } from '../support/noAgents.ts';
import { windowGate } from '../support/windowGate.ts';
import { describeEngineContract } from './engineContract.ts';

describeEngineContract('in-process', async ({ runs, blobs, baseUrl, home, apiKey }) => {
  const client = createAnthropicClient({ apiKey: async () => apiKey, baseUrl });
  return createInProcessEngine({
    runs,
    blobs,
    models: async () => client,
    prices: await createPriceList(),
    clock: systemClock,
    cache: createResultCache({ folder: path.join(home, 'cache', 'results'), host: 'test', clock: systemClock }),
    gate: windowGate(home, apiKey, new URL(baseUrl).host),
    agents: noAgents,
    concurrency: 8,
  });
});
