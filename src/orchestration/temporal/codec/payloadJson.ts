import type { Payload } from '@temporalio/common';
import * as z from 'zod';

/**
 * A payload in the JSON form of protobuf, in which every field of bytes is base64.
 * See https://protobuf.dev/programming-guides/json/.
 */
export const payloadJsonSchema = z.object({
  metadata: z.record(z.string(), z.base64()).optional(),
  data: z.base64().optional(),
});
export type PayloadJson = z.infer<typeof payloadJsonSchema>;

export function payloadToJson({ metadata, data }: Payload): PayloadJson {
  return {
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)])),
    ...(data === null || data === undefined ? {} : { data: base64(data) }),
  };
}

export function payloadFromJson({ metadata = {}, data }: PayloadJson): Payload {
  return {
    metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')])),
    ...(data === undefined ? {} : { data: Buffer.from(data, 'base64') }),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
