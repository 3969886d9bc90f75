import { afterAll, beforeAll } from 'vitest';
import { startTestServer, type TestServer, testEngine } from '../support/temporal.ts';
import { describeEngineContract } from './engineContract.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

describeEngineContract('temporal', async ({ runs, baseUrl, home, apiKey }) =>
  testEngine({ runs, settings: server.settings({ home, baseUrl, apiKey: async () => apiKey }) }),
);
