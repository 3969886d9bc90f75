import { expect } from 'vitest';
import type { MessagesRequest } from '../../src/core/fork/messagesRequest.ts';

type Block = { type: string; [key: string]: unknown };

function blocksOf(message: MessagesRequest['messages'][number]): Block[] {
  return typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : (message.content as Block[]);
}

/** Checks a request against the rules of the Messages API that a rebuilt history can break. */
export function checkLegal(request: MessagesRequest): void {
  const spoken = request.messages.filter((message) => message.role !== 'system');
  expect(spoken.length).toBeGreaterThan(0);
  expect(spoken[0]?.role).toBe('user');
  for (const [at, message] of spoken.entries()) {
    const blocks = blocksOf(message);
    expect(blocks.length).toBeGreaterThan(0);
    expect(message.role, `message ${at} has the role of the one before`).not.toBe(spoken[at - 1]?.role);
    for (const block of blocks) if (block.type === 'text') expect(String(block.text).trim()).not.toBe('');
    const calls = blocks.filter((block) => block.type === 'tool_use').map((block) => String(block.id));
    const next = spoken[at + 1];
    const results = next === undefined ? [] : blocksOf(next).filter((block) => block.type === 'tool_result');
    expect(results.map((block) => String(block.tool_use_id))).toEqual(calls);
  }
  JSON.stringify(request, (_key, value: unknown) => {
    // JSON escapes what is ill-formed, so each string is looked at before.
    if (typeof value === 'string') expect(value.isWellFormed()).toBe(true);
    return value;
  });
  const names = new Set((request.tools ?? []).map((tool) => tool.name));
  const called = spoken.flatMap(blocksOf).filter((block) => block.type === 'tool_use');
  for (const call of called) expect(names).toContain(call.name);
}
