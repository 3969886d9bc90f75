import { startMessagesApi } from '../test/support/messagesApi.ts';
import type { Asked } from './apiProcess.ts';

// Started by `startApiProcess`.
const api = await startMessagesApi(() => ({ content: 'Done.', deltas: 1 }));
process.on('message', () => {
  const messages = api.requests.map(({ body }) => JSON.stringify(body.messages));
  process.send?.({ requests: messages.length, different: new Set(messages).size } satisfies Asked);
});
process.send?.(api.baseUrl);
