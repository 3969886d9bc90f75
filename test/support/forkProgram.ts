// `node forkProgram.ts JSON`: dispatches a run and drives it, to be killed.
import { forkRequestSchema } from '../../src/core/fork/forkRequest.ts';
import { createServices, type ServicesOptions } from '../../src/services.ts';

const { options, request } = JSON.parse(process.argv[2] ?? '') as { options: ServicesOptions; request: unknown };
const services = await createServices({ ...options, apiKey: async () => 'sk-ant-test' });
await services.forks.dispatch(forkRequestSchema.parse(request));
