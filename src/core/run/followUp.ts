import { checkRequest, markedBlocks, maxBreakpoints } from '../api/checkRequest.ts';
import type { MessagesRequest, RequestBlock, RequestMessage } from '../api/messagesRequest.ts';
import { problemKey } from '../api/requestRules.ts';
import type { StoredReply } from '../api/storedReply.ts';
import { withDefinedReferences } from '../api/toolReferences.ts';
import type { Json } from '../canonicalJson.ts';
import type { RecordedCall, StoredRequest } from '../fork/forkPlan.ts';
import { wellFormed } from '../fork/historyMessages.ts';
import { saidNothing } from '../fork/pairCalls.ts';
import { sendableReply } from './sendableReply.ts';

/** What follows a reply: results of its calls, in order, the next recorded prompt, or nothing where the model paused. */
type Answer =
  | { kind: 'results'; results: readonly RecordedCall['result'][] }
  | { kind: 'prompt'; prompt: readonly RequestBlock[] }
  | { kind: 'pause' };

/** The request that follows a reply. */
export interface FollowUp {
  next: StoredRequest;
  /** What was changed so that the API takes it, in sentences. */
  notes: string[];
  /** Why the API would refuse it all the same, in a sentence; null where it would not. */
  refused: string | null;
}

/** Puts a reply and what answers it behind the request, and sets the moving cache breakpoint on the new end. */
export function followUp(stored: StoredRequest, reply: StoredReply, answer: Answer): FollowUp {
  const { content, callIds, mended } = sendableReply(reply, stored.request, answer.kind === 'pause');
  const notes = mended.map((what) => `${what}, so that the reply can be sent back.`);
  const messages = stored.request.messages.map(withoutMarks);
  if (content.length > 0) messages.push({ role: 'assistant', content });
  const answers = answer.kind === 'results' ? resultBlocks(callIds, answer.results, stored.request) : [];
  const said = answer.kind === 'prompt' ? [...answer.prompt] : answers;
  if (said.length > 0) messages.push({ role: 'user', content: withMark(said, { ...stored.request, messages }) });
  const next = { ...stored, request: { ...stored.request, messages } };
  const nothing = content.length === 0 ? 'nothing of it can be sent back, so the branch ends here.' : null;
  return { next, notes, refused: nothing ?? refusalOf(next.request, stored.request) };
}

/** What the API would refuse that it had not before it. */
function refusalOf(next: MessagesRequest, before: MessagesRequest): string | null {
  const problems = checkRequest(next);
  const known = new Set(problems.length === 0 ? [] : checkRequest(before).map(problemKey));
  const problem = problems.find((each) => !known.has(problemKey(each)));
  if (problem === undefined) return null;
  return `the API would refuse the next request, so the branch ends here: ${problem.message} (${problem.path})`;
}

function resultBlocks(
  ids: readonly string[],
  results: readonly RecordedCall['result'][],
  request: MessagesRequest,
): RequestBlock[] {
  return results.map((result, index) => {
    const block = {
      type: 'tool_result',
      tool_use_id: ids[index] ?? '',
      content: contentOf(result),
      ...(result?.isError ? { is_error: true } : {}),
    };
    return wellFormed(withDefinedReferences(block, request.tools ?? []) as Json) as RequestBlock;
  });
}

/** The API refuses empty texts in a result, and an error that says nothing. */
function contentOf(result: RecordedCall['result']): unknown {
  const recorded = result?.content ?? '';
  const content = Array.isArray(recorded)
    ? (recorded as RequestBlock[]).filter((part) => part.type !== 'text' || part['text'] !== '')
    : recorded;
  const isEmpty = content === '' || (Array.isArray(content) && content.length === 0);
  return result?.isError && isEmpty ? saidNothing : content;
}

function withMark(content: readonly RequestBlock[], request: MessagesRequest): RequestBlock[] {
  const marks = markedBlocks(request).length;
  return content.map((block, index) =>
    index === content.length - 1 && marks < maxBreakpoints ? { ...block, cache_control: { type: 'ephemeral' } } : block,
  );
}

function withoutMarks(message: RequestMessage): RequestMessage {
  if (!Array.isArray(message.content)) return message;
  return {
    ...message,
    content: message.content.map((block) => {
      const { cache_control: _dropped, ...rest } = block;
      return rest as RequestBlock;
    }),
  };
}
