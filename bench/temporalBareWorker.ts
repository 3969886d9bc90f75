import { Anthropic } from '@anthropic-ai/sdk';
import { Context } from '@temporalio/activity';
import { NativeConnection, Worker } from '@temporalio/worker';

// The peer of dist/worker.js: the SDK's own worker with nothing around it. Its activity is the same call by the same client,
// streamed, with heartbeats so that it can be cancelled; nothing is kept of it.
const [address = '', taskQueue = '', workflowBundle = '', url = '', concurrency = ''] = process.argv.slice(2);
const client = new Anthropic({ apiKey: 'sk-ant-test', baseURL: url, maxRetries: 0, logLevel: 'off' });
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection,
  taskQueue,
  maxConcurrentActivityTaskExecutions: Number(concurrency),
  workflowBundle: { codePath: workflowBundle },
  activities: {
    async call() {
      const { heartbeat, cancellationSignal: signal } = Context.current();
      const heart = setInterval(() => heartbeat(), 300);
      try {
        const message = { role: 'user', content: 'x' } as const;
        const request = { model: 'claude-haiku-4-5', max_tokens: 10, messages: [message] };
        let size = 0;
        for await (const event of client.messages.stream(request, { signal })) size += event.type.length;
        return size;
      } finally {
        clearInterval(heart);
      }
    },
  },
});
process.send?.({ type: 'ready' });
await worker.run();
