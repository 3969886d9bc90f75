import type { MessagesRequest, RequestMessage } from '../api/messagesRequest.ts';
import { bindsThinking, withoutThinking } from '../api/thinkingBlocks.ts';
import { withFoundTools } from '../api/toolReferences.ts';
import { firstOf } from '../format.ts';
import { groupBy } from '../groupBy.ts';
import { isCompactBoundary } from '../session/compaction.ts';
import { type ChainNode, pathTo } from '../session/messageChain.ts';
import { indexedMessage } from '../session/messageIndex.ts';
import { isSyntheticReply } from '../session/promptRules.ts';
import type { RecordedRequest } from '../session/recordedRequest.ts';
import type { RecordedRequests } from '../session/recordedRequests.ts';
import { holdsMessage } from '../session/transcriptEntry.ts';
import { preservedRecords, recordsOnPath, type SessionTree } from '../session/turnTree.ts';
import { comparePrefix, type Ending, noRecordedPrefix } from './comparePrefix.ts';
import { attachedContext, historyMessages } from './historyMessages.ts';
import { passedBy } from './passedBy.ts';
import { findPrompt } from './promptPlace.ts';
import type { RebuiltRequest } from './rebuiltRequest.ts';
import { type SizeCheck, sizeDifference, sizeText } from './recordedSize.ts';
import { settingsFor } from './requestSettings.ts';
import { type Cut, inputTokensOf, promptContentOf, requestRefOf } from './resolveForkPoint.ts';
import { unknownModel } from './unknownModel.ts';

/** Every Claude 4 model and every later one accepts so much; used only where the recording names no limit. */
const assumedMaxTokens = 32_000;

const noDigest = 'a digest to check by: Claude Code recorded no request that ends exactly here';
const boundThinking = 'thinking that the model takes only behind the very request that it was thought for';
const unknownKept = 'messages that the compaction kept: the recording does not say which';
const noCompactionCall = 'the call that summed the conversation up here: Claude Code never records it';

/** What a fork sends, before the prompt is looked for in it. */
type Draft = Omit<RebuiltRequest, 'promptAt' | 'inputTokens'>;

/** The history up to some reply, taken from a request that was recorded. */
interface Base {
  recorded: RecordedRequest;
  request: MessagesRequest;
  messages: RequestMessage[];
}

function messageOf(reply: readonly ChainNode[]) {
  return indexedMessage({ role: 'assistant', content: reply.flatMap((node) => node.entry.message?.content ?? []) });
}

/** Rebuilds what a fork at a cut sends, as well as the recording allows. */
export class RequestBuilder {
  readonly #tree: SessionTree;
  readonly #log: RecordedRequests;

  constructor(tree: SessionTree, log: RecordedRequests) {
    this.#tree = tree;
    this.#log = log;
  }

  build(cut: Cut): RebuiltRequest {
    const prompt = promptContentOf(cut);
    const draft =
      this.#recordedAt(cut) ??
      this.#fromLaterRequest(cut) ??
      this.#fromEarlierRequest(cut) ??
      this.#fromTranscript(cut);
    const { request, missing } = draft.digestVerified ? draft : withFoundTools(withReadableThinking(draft));
    return {
      ...draft,
      request,
      missing,
      promptAt: prompt === null ? null : findPrompt(request.messages, prompt),
      inputTokens: inputTokensOf(cut.reply),
    };
  }

  /** The very request that was sent here, where the log holds it whole. */
  #recordedAt(cut: Cut): Draft | null {
    const ref = requestRefOf(cut.reply);
    const until = cut.reply[0]?.entry.line;
    if (ref !== null) return recordedDraft(this.#log.rebuild(ref, until), cut);
    const prompt = promptContentOf(cut);
    for (const id of this.#unansweredAt(cut)) {
      const draft = recordedDraft(this.#log.rebuild(id, until), cut);
      if (draft !== null && prompt !== null && findPrompt(draft.request.messages, prompt) !== null) return draft;
    }
    return null;
  }

  /** Requests that were sent for a prompt that got no reply: those logged before the next message of the conversation. */
  #unansweredAt(cut: Cut): Iterable<string> {
    if (cut.prompt === null || cut.reply.length > 0) return [];
    const from = cut.prompt.entry.line;
    const next = this.#tree.chain.nodes.find(
      (node) => node.entry.line > from && holdsMessage(node.entry) && !node.entry.facts.isMeta,
    );
    return this.#log.ids(from, next?.entry.line);
  }

  /** The history before a reply, out of the request that the reply answered or of a later one that holds the reply. */
  #baseBefore(reply: readonly ChainNode[]): Base | null {
    const own = requestRefOf(reply);
    const recorded = own === null ? null : this.#log.rebuild(own, reply[0]?.entry.line);
    if (recorded?.request != null) return { recorded, request: recorded.request, messages: recorded.request.messages };
    const found = this.#holding(reply);
    return found === null ? null : { ...found, messages: found.request.messages.slice(0, found.at) };
  }

  /** The next request that was sent with this reply in its history. */
  #holding(reply: readonly ChainNode[]): { recorded: RecordedRequest; request: MessagesRequest; at: number } | null {
    const found = this.#log.holding(() => messageOf(reply), reply.at(-1)?.entry.line ?? 0);
    const request = found?.recorded.request ?? null;
    return found === null || request === null ? null : { ...found, request };
  }

  #fromLaterRequest(cut: Cut): Draft | null {
    if (cut.reply.length === 0) return null;
    const base = this.#baseBefore(cut.reply);
    if (base === null) return null;
    const model = cut.reply[0]?.entry.facts.model ?? base.request.model;
    const request = { ...base.request, model, messages: base.messages };
    return {
      fidelity: 'reconstructed',
      digestVerified: false,
      missing: [noDigest, ...base.recorded.missing],
      request,
      betas: base.recorded.betas,
      completed: [],
      prefix: comparePrefix({ id: base.recorded.id, request: base.request }, request, () => here(cut)),
    };
  }

  #fromEarlierRequest(cut: Cut): Draft | null {
    const { nodes, boundary, missing } = this.#historyOf(cut);
    // What a compaction kept was asked for with the history before it.
    const replies = nodes.filter(
      ({ entry, order }) =>
        entry.facts.messageId !== null &&
        order > (boundary?.order ?? -1) &&
        !isSyntheticReply(entry) &&
        entry.facts.apiError === null,
    );
    const linesOf = groupBy(replies, ({ entry }) => entry.facts.messageId);
    for (const id of new Set(replies.map(({ entry }) => entry.facts.messageId).reverse())) {
      const lines = linesOf.get(id) ?? [];
      const base = this.#baseBefore(lines);
      if (base === null) continue;
      const added = nodes.slice(nodes.indexOf(lines[0] as ChainNode));
      const history = historyMessages(base.messages, added);
      const request = { ...base.request, messages: history.messages };
      return {
        fidelity: 'reconstructed',
        digestVerified: false,
        missing: [
          ...differenceIn({ request, nodes, boundary, reply: cut.reply }),
          this.#isSummedUpBehind(cut) ? noCompactionCall : noDigest,
          ...base.recorded.missing,
          ...history.missing,
          ...missing,
          ...passedBy(this.#tree, cut, nodes, boundary),
          ...this.#damageIn(added),
        ],
        request,
        betas: base.recorded.betas,
        completed: history.completed,
        prefix: this.#longestPrefix(base, lines, request, cut),
      };
    }
    return null;
  }

  /** The reply may stand in a request that was sent after it: then the cache holds it, too. */
  #longestPrefix(
    base: Base,
    reply: readonly ChainNode[],
    request: MessagesRequest,
    cut: Cut,
  ): RebuiltRequest['prefix'] {
    const candidates = [base, this.#holding(reply)].flatMap((found) => {
      if (found === null) return [];
      const { length } = found.request.messages;
      const next = found === base ? (reply[0]?.entry.uuid ?? null) : null;
      return comparePrefix({ id: found.recorded.id, request: found.request }, request, (message) =>
        message === request.messages.length ? here(cut) : endAt(message === length, next),
      );
    });
    return candidates.reduce((best, other) => (cachedMessages(other) > cachedMessages(best) ? other : best));
  }

  #fromTranscript(cut: Cut): Draft {
    const { nodes, boundary, missing: lost } = this.#historyOf(cut);
    const history = historyMessages([], nodes);
    const settings = settingsFor(history.messages, cut.upTo, this.#log, this.#tree.chain);
    const missing = [
      ...settings.missing,
      ...history.missing,
      ...lost,
      ...passedBy(this.#tree, cut, nodes, boundary),
      ...this.#damageIn(nodes),
    ];
    if (!missing.includes(attachedContext)) missing.push(attachedContext);
    const request: MessagesRequest = {
      ...settings.request,
      model: this.#modelOf(cut, settings.request.model),
      max_tokens: settings.request.max_tokens ?? assumedMaxTokens,
      messages: history.messages,
    };
    const { id } = settings;
    const stop =
      id !== null && boundary !== null
        ? { uuid: boundary.entry.uuid, reason: 'compaction' }
        : { uuid: null, reason: 'no recorded request holds this history' };
    return {
      fidelity: 'reconstructed',
      digestVerified: false,
      missing: [...differenceIn({ request, nodes, boundary, reply: cut.reply }), ...missing],
      request,
      betas: settings.betas,
      completed: history.completed,
      prefix:
        id === null
          ? noRecordedPrefix(request, stop)
          : comparePrefix({ id, request: { ...request, ...settings.request, messages: [] } }, request, () => stop),
    };
  }

  #modelOf(cut: Cut, logged: string | undefined): string {
    const turns = this.#tree.session.turns;
    const near =
      turns.slice(0, cut.turn.index).findLast((turn) => turn.models.length > 0) ??
      turns.find((turn) => turn.models.length > 0);
    const model = cut.reply[0]?.entry.facts.model ?? cut.turn.models[0] ?? near?.models.at(-1) ?? logged;
    // A branch may name its own.
    return model ?? unknownModel;
  }

  /** Whether the next thing that happened was a compaction. */
  #isSummedUpBehind({ upTo }: Cut): boolean {
    return this.#tree.chain.nodes.some(({ entry, parent }) => parent === upTo && isCompactBoundary(entry));
  }

  /** Places of the history where the recording is damaged. */
  #damageIn(nodes: readonly ChainNode[]): string[] {
    const [from, until] = [nodes[0]?.entry.line ?? 0, nodes.at(-1)?.entry.line ?? 0];
    const lines = this.#tree.session.problems.flatMap(({ line }) => (line >= from && line <= until ? [line] : []));
    const places = [...new Set(lines)];
    if (places.length === 0) return [];
    return [`what is damaged in the recording (line ${firstOf(places, 5)})`];
  }

  /** Records of the history in the order in which they were sent, from the last compaction on. */
  #historyOf(cut: Cut): { nodes: ChainNode[]; boundary: ChainNode | null; missing: string[] } {
    const path = pathTo(cut.upTo);
    const boundary = path.findLast((node) => isCompactBoundary(node.entry)) ?? null;
    const onPath = recordsOnPath(this.#tree.chain, cut.upTo);
    const ancestors = new Set(path);
    const kept = parentsFirst(
      this.#tree.chain.nodes.filter(
        (node) => onPath.has(node) && (ancestors.has(node) || node.order <= cut.upTo.order),
      ),
    );
    if (boundary === null) return { nodes: kept, boundary, missing: [] };
    const after = kept.slice(kept.indexOf(boundary) + 1);
    const { anchor, nodes: preserved, isUnknown } = preservedRecords(this.#tree.chain, boundary, path);
    const anchorAt = after.findIndex((node) => node.entry.uuid === anchor);
    const nodes = [...after.slice(0, anchorAt + 1), ...preserved, ...after.slice(anchorAt + 1)];
    return { nodes, boundary, missing: isUnknown ? [unknownKept] : [] };
  }
}

/** What was sent, where the log holds it whole. */
export function recordedDraft(recorded: RecordedRequest | null, cut: Pick<Cut, 'point'>): Draft | null {
  if (recorded?.request == null) return null;
  const { id, fidelity, digestVerified, missing, request, betas } = recorded;
  const prefix = comparePrefix({ id, request }, request, () => here(cut));
  return { fidelity, digestVerified, missing, request, betas, completed: [], prefix };
}

function differenceIn(check: SizeCheck): string[] {
  const difference = sizeDifference(check);
  return difference === null ? [] : [sizeText(difference)];
}

/** The request without thinking that the model would refuse: where something stands before it that was not sent so. */
function withReadableThinking({ request, missing, prefix }: Draft): Pick<Draft, 'request' | 'missing'> {
  if (!bindsThinking(request)) return { request, missing };
  // The reply to what is equal was thought behind just that.
  const from = prefix.system && prefix.tools ? prefix.messages.equal + 1 : 0;
  const { messages, dropped } = withoutThinking(request.messages, from);
  if (dropped === 0) return { request, missing };
  return { request: { ...request, messages }, missing: [...missing, boundThinking] };
}

function here({ point }: Pick<Cut, 'point'>): Ending {
  return { uuid: point.uuid, reason: 'cut here' };
}

/** Equal messages that a cache entry can hold: none where something before them differs. */
function cachedMessages({ stopsAt, messages }: RebuiltRequest['prefix']): number {
  return stopsAt !== null && stopsAt.message === null ? -1 : messages.equal;
}

function endAt(isRecordedEnd: boolean, next: string | null): Ending {
  return isRecordedEnd
    ? { uuid: next, reason: 'the recorded request ends here' }
    : { uuid: null, reason: 'this message differs from the recorded one' };
}

/** Records in file order, but none before what it hangs on: Claude Code writes the first lines of a session out of order at times. */
export function parentsFirst(nodes: readonly ChainNode[]): ChainNode[] {
  const waiting = new Set(nodes);
  const sorted: ChainNode[] = [];
  for (const node of nodes) {
    const line: ChainNode[] = [];
    for (let at: ChainNode | null = node; at !== null && waiting.delete(at); at = at.parent) line.push(at);
    sorted.push(...line.reverse());
  }
  return sorted;
}
