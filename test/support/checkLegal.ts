import assert from 'node:assert/strict';
import { checkRequest } from '../../src/core/api/checkRequest.ts';
import type { MessagesRequest } from '../../src/core/api/messagesRequest.ts';

/**
 * Checks a rebuilt request against the rules of the Messages API. One that ends with a reply is not sent before a prompt was
 * added, so it gets one here.
 * @param label what is forked where, for the error's message
 */
export function checkLegal(request: MessagesRequest, label = 'request'): void {
  const broken = checkRequest(withWord(request));
  assert.ok(broken.length === 0, `${label}: ${JSON.stringify(broken)}`);
}

/** The request with the person's turn filled in where it is theirs. */
export function withWord(request: MessagesRequest): MessagesRequest {
  if (request.messages.at(-1)?.role !== 'assistant') return request;
  return { ...request, messages: [...request.messages, { role: 'user', content: [{ type: 'text', text: 'Go on.' }] }] };
}

/** The API joins neighbours of one role; what we make up ourselves is to be in the form that it documents. */
export function checkAlternating({ messages }: MessagesRequest, label = 'request'): void {
  const roles = messages.flatMap(({ role }) => (role === 'system' ? [] : [role]));
  const expected = roles.map((_role, at) => (at % 2 === 0 ? 'user' : 'assistant'));
  assert.deepEqual(roles, expected, `${label}: ${roles.join(', ')}`);
}
