import { basename } from 'node:path';
import { createSessionStore } from '../../src/adapters/sessions/createSessionStore.ts';
import { canonicalJson } from '../../src/core/canonicalJson.ts';
import type { OpenSession, SessionStore } from '../../src/core/fork/sessionStore.ts';
import type { Turn } from '../../src/core/session/recordedSession.ts';
import type { RecordedScenario } from './recordSessions.ts';
import { type CapturedRequest, sessionOf } from './stage.ts';
import { sha256 } from './transcript.ts';

export type Loose = Record<string, unknown>;

/** `2.1.329 plain`, for messages of tests. */
export function labelOf(recorded: RecordedScenario, file?: string): string {
  return [recorded.version, recorded.name, file === undefined ? '' : basename(file, '.jsonl')].join(' ').trim();
}

export function storeOf(recorded: RecordedScenario): SessionStore {
  return createSessionStore({ claudeDirs: [recorded.claudeDir], sha256 });
}

/** @param n the number that the scenario gave to `sessionOf` */
export function openNumber(recorded: RecordedScenario, n: number): Promise<OpenSession> {
  return storeOf(recorded).open(sessionOf(n));
}

/** All recordings of a scenario, of the versions that played it. @throws where there is none */
export function named(all: readonly RecordedScenario[], name: string): RecordedScenario[] {
  const found = all.filter((recorded) => recorded.name === name);
  if (found.length === 0) throw new Error(`No scenario ${name}`);
  return found;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** All turns with their contents. */
export function wholeTurns(opened: OpenSession): Promise<Turn[]> {
  return opened.turns(opened.session.turns.map((turn) => turn.index));
}

/** A request body without what no recording holds and with contents as blocks, as canonical text. */
export function comparable(body: Loose): string {
  const { metadata: _device, stream: _stream, ...rest } = body;
  const system = (rest.system as { text: string }[] | undefined)?.filter(
    (block) => !block.text.startsWith('x-anthropic-billing-header'),
  );
  const messages = (rest.messages as Loose[]).map((message) => ({
    ...message,
    content: typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content,
  }));
  return canonicalJson({ ...rest, system, messages });
}

/** The same without breakpoints of the prompt cache. */
export function withoutCache(body: Loose): string {
  return comparable(
    JSON.parse(JSON.stringify(body, (key, value: unknown) => (key === 'cache_control' ? undefined : value))) as Loose,
  );
}

/** The request that was answered with this message. @throws where there is none */
export function capturedReply(recorded: RecordedScenario, messageId: string): CapturedRequest {
  const found = recorded.captured.find((request) => request.responseId === messageId);
  if (found === undefined) throw new Error(`${labelOf(recorded)}: no captured request was answered with ${messageId}`);
  return found;
}
