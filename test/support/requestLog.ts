import { canonicalJson } from '../../src/core/canonicalJson.ts';
import { sha256, type TranscriptBuilder } from './transcript.ts';

type Loose = Record<string, unknown>;

const blocksOf = (content: unknown): unknown =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : content;

/** A request as Claude Code would log it: which messages, and how the entry is bent for a test. */
export interface LogSpec {
  id: string;
  messages: Loose[];
  base?: string;
  keep?: number;
  params?: Loose;
  shape?: Loose;
  cacheControl?: { path: (string | number)[]; value: unknown }[];
  /** Fields of the entry to set or change, for example `withheld`. */
  fields?: Loose;
  /** Messages to write as blobs; default: none, they are found in the transcript. */
  blobs?: number[];
}

export const logShape = {
  system: [{ type: 'text', text: 'You are terse.' }],
  tools: [{ name: 'Read', input_schema: { type: 'object' } }],
};
export const logParams = { model: 'claude-opus-5-5', max_tokens: 1000, betas: ['beta-1'] };

/** Writes the lines of the request log for one request, with a digest that is right for it. */
export function logRequest(builder: TranscriptBuilder, spec: LogSpec): void {
  const shape = spec.shape ?? logShape;
  const params = spec.params ?? logParams;
  const messages = spec.messages.map((message) => ({ ...message, content: blocksOf(message.content) }));
  const hashes = messages.map((message) => sha256(canonicalJson(message)));
  const body = JSON.parse(JSON.stringify({ ...params, ...shape, messages })) as Loose;
  for (const { path, value } of spec.cacheControl ?? []) {
    const target = path.reduce<unknown>((at, step) => (at as Loose)[step], body) as Loose;
    target.cache_control = value;
  }
  const shapeHash = sha256(canonicalJson(shape));
  builder.unchained('api-request-shape', { shapeHash, shape: structuredClone(shape) });
  for (const at of spec.blobs ?? [])
    builder.unchained('api-request-blob', { hash: hashes[at], message: spec.messages[at] });
  const keep = spec.keep ?? 0;
  builder.unchained('api-request', {
    id: spec.id,
    querySource: 'sdk',
    shapeHash,
    params,
    ...(spec.base === undefined ? {} : { base: spec.base }),
    keep,
    tail: hashes.slice(keep),
    cacheControl: spec.cacheControl ?? [],
    requestDigest: sha256(canonicalJson(body)),
    ...spec.fields,
  });
}
