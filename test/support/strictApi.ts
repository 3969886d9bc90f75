import { checkRequest } from '../../src/core/api/checkRequest.ts';
import type { MessagesRequest } from '../../src/core/api/messagesRequest.ts';
import type { ReceivedRequest, Reply, ReplyScript } from './messagesApi.ts';

/** A script that answers 400 as the API would where a request breaks one of its rules, and else what it is given. */
export function refusingIllegal(script: ReplyScript): (request: ReceivedRequest) => Promise<Reply> {
  return async (request) => {
    const [problem] = checkRequest(request.body as MessagesRequest);
    if (problem !== undefined) return { status: 400, message: `${problem.path}: ${problem.message}` };
    const reply = Array.isArray(script) ? script.shift() : await script(request);
    if (reply === undefined) throw new Error('the script has no reply left for this request');
    return reply;
  };
}
