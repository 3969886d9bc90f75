import { NativeConnection, Worker } from '@temporalio/worker';

// The peer of dist/worker.js: the SDK's own worker with nothing around it, its activity one HTTP request.
const [address = '', taskQueue = '', workflowBundle = '', url = '', concurrency = ''] = process.argv.slice(2);
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection,
  taskQueue,
  maxConcurrentActivityTaskExecutions: Number(concurrency),
  workflowBundle: { codePath: workflowBundle },
  activities: {
    async call() {
      const response = await fetch(`${url}/v1/messages`, {
        method: 'POST',
        body: JSON.stringify({
          model: 'claude-haiku-4-5',
          max_tokens: 10,
          stream: true,
          messages: [{ role: 'user', content: 'x' }],
        }),
      });
      return (await response.text()).length;
    },
  },
});
process.send?.({ type: 'ready' });
await worker.run();
