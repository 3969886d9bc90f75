import { createHash } from 'node:crypto';
import { canonicalJson } from '../../src/core/canonicalJson.ts';

export interface ApiUsage {
  input_tokens: number;
  output_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
}

type Loose = { [key: string]: unknown };

/** One block of the input in the API's order (tools, system, messages), without its `cache_control`. */
interface Segment {
  text: string;
  breakpoint: boolean;
}

function segmentOf(role: string, block: unknown): Segment {
  if (typeof block === 'string')
    return { text: `${role}${canonicalJson({ type: 'text', text: block })}`, breakpoint: false };
  const { cache_control: control, ...rest } = block as Loose;
  return { text: `${role}${canonicalJson(rest)}`, breakpoint: control !== undefined && control !== null };
}

function segmentsOf(body: Loose): Segment[] {
  const blocksOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);
  const segments = blocksOf(body.tools).map((tool) => segmentOf('tool', tool));
  segments.push(...blocksOf(body.system).map((block) => segmentOf('system', block)));
  for (const message of blocksOf(body.messages) as Loose[]) {
    segments.push(...blocksOf(message.content).map((block) => segmentOf(String(message.role), block)));
  }
  return segments;
}

/**
 * The API's prompt cache, for tests: prefixes of canonical blocks per model, one entry at every `cache_control`
 * breakpoint, available only once the first byte of the response that wrote it was sent. Four characters make a token.
 */
export class PromptCache {
  readonly #entries = new Set<string>();

  /**
   * Usage of a request against what is cached now.
   * @returns the usage and `commit`, to be called when the response's first byte is sent
   */
  measure(body: Loose): { usage: ApiUsage; commit: () => void } {
    const prefixes: { key: string; tokens: number; breakpoint: boolean }[] = [];
    const hash = createHash('sha256').update(String(body.model));
    let characters = 0;
    for (const segment of segmentsOf(body)) {
      hash.update(segment.text);
      characters += segment.text.length;
      prefixes.push({
        key: hash.copy().digest('hex'),
        tokens: Math.ceil(characters / 4),
        breakpoint: segment.breakpoint,
      });
    }
    const total = prefixes.at(-1)?.tokens ?? 0;
    const last = prefixes.findLastIndex((prefix) => prefix.breakpoint);
    const written = last < 0 ? 0 : (prefixes[last]?.tokens ?? 0);
    const hit = prefixes.slice(0, last + 1).findLast((prefix) => this.#entries.has(prefix.key));
    const read = hit?.tokens ?? 0;
    return {
      usage: {
        input_tokens: total - written,
        output_tokens: 0,
        cache_creation_input_tokens: written - read,
        cache_read_input_tokens: read,
      },
      commit: () => {
        for (const prefix of prefixes) if (prefix.breakpoint) this.#entries.add(prefix.key);
      },
    };
  }
}
