import { type GitOptions, needGit } from '../git/runGit.ts';

/** Bytes that one git gives at a time. */
const maxAtOnce = 64_000_000;

/** Contents of blobs, read by few processes and never all at once. @throws StorageError where one is missing */
export async function* readBlobs(oids: readonly string[], options: GitOptions): AsyncGenerator<[string, Uint8Array]> {
  if (oids.length === 0) return;
  const asked = (some: readonly string[]): string => some.map((oid) => `${oid}\n`).join('');
  const sizes = await needGit(['cat-file', '--batch-check=%(objectsize)'], { ...options, input: asked(oids) });
  let group: string[] = [];
  let bytes = 0;
  for (const [at, size] of sizes.toString('latin1').trimEnd().split('\n').entries()) {
    if (group.length > 0 && bytes + Number(size) > maxAtOnce) {
      yield* readGroup(group, options, asked(group));
      group = [];
      bytes = 0;
    }
    group.push(oids[at] ?? '');
    bytes += Number(size);
  }
  yield* readGroup(group, options, asked(group));
}

async function* readGroup(
  oids: readonly string[],
  options: GitOptions,
  input: string,
): AsyncGenerator<[string, Uint8Array]> {
  const output = await needGit(['cat-file', '--batch=%(objectsize)'], { ...options, input });
  let at = 0;
  for (const oid of oids) {
    const line = output.indexOf(10, at);
    const size = Number(output.toString('latin1', at, line));
    yield [oid, output.subarray(line + 1, line + 1 + size)];
    at = line + size + 2;
  }
}
