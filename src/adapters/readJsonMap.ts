import { readFile } from 'node:fs/promises';

/**
 * Reads one of our JSON files that may be missing: `{ version: 1, [name]: { … } }`. By hand, because every listing reads some of
 * these and a schema library would take longer to load than all else that a listing does.
 * @param read what to make of a member, null for what is none
 * @returns the members that could be read; none where the file is missing, damaged or of another version
 */
export async function readJsonMap<T>(
  file: string,
  name: string,
  read: (value: unknown) => T | null,
): Promise<Map<string, T>> {
  try {
    const content = JSON.parse(await readFile(file, 'utf8')) as { version?: unknown; [name: string]: unknown };
    if (content.version !== 1) return new Map();
    const members = Object.entries(content[name] ?? {}).map(([key, value]) => [key, read(value)] as const);
    return new Map(members.filter((member): member is [string, T] => member[1] !== null));
  } catch {
    return new Map();
  }
}
