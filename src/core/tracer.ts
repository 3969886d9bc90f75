/** What of a span may leave the machine: ids, names of models, figures. No words of conversations, no paths, no keys. */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** A span under way. */
export interface OpenSpan {
  /** The span as the W3C's `traceparent` names it, null where nothing is traced. */
  readonly traceparent: string | null;
  /** What becomes known while it lasts. */
  note(facts: SpanFacts): void;
}

/** A span whose id was chosen by whoever made it. */
export interface EndedSpan {
  name: string;
  facts: SpanFacts;
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits. */
  spanId: string;
  /** `traceparent` of the span that it lies below, null for the first one of a trace. */
  parent: string | null;
  /** Milliseconds since the epoch. */
  startMs: number;
  endMs: number;
  failed: boolean;
}

/** Tells an observer elsewhere what happened when, and what belongs to what. */
export interface Tracer {
  /**
   * Does the work in a span. Gives what the work gives.
   * @param parent `traceparent` of a span elsewhere; default: the span that the caller is in
   */
  span<T>(name: string, facts: SpanFacts, work: (span: OpenSpan) => Promise<T>, parent?: string): Promise<T>;
  /** Tells of a span that is over. */
  record(span: EndedSpan): void;
}

const untraced: OpenSpan = { traceparent: null, note: () => {} };

/** Where nobody observes. */
export const noTracer: Tracer = { span: (_name, _facts, work) => work(untraced), record: () => {} };
