import { createAnthropicClient } from '../../src/adapters/anthropic/createAnthropicClient.ts';
import { createPriceList } from '../../src/adapters/prices/createPriceList.ts';
import { systemClock } from '../../src/adapters/systemClock.ts';
import { createInProcessEngine } from '../../src/orchestration/inProcess/createInProcessEngine.ts';
import { noAgents } from '../support/noAgents.ts';
import { describeEngineContract } from './engineContract.ts';

describeEngineContract('in-process', async ({ runs, blobs, baseUrl, apiKey }) => {
  const client = createAnthropicClient({ apiKey: async () => apiKey, baseUrl });
  return createInProcessEngine({
    runs,
    blobs,
    models: async () => client,
    prices: await createPriceList(),
    clock: systemClock,
    agents: noAgents,
    concurrency: 8,
  });
});
