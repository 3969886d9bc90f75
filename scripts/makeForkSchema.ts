// Writes the JSON schema of fork files from the schema that they are checked with: `node scripts/makeForkSchema.ts`.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { forkFileSchema } from '../src/core/fork/forkFile.ts';

/** The schema's text. A unit test compares it with the file. */
export function forkSchemaText(): string {
  return `${JSON.stringify(z.toJSONSchema(forkFileSchema, { io: 'input' }), null, 2)}\n`;
}

if (import.meta.main) {
  writeFileSync(path.join(import.meta.dirname, '..', 'schemas', 'fork.schema.json'), forkSchemaText());
}
