import type { Json } from '../canonicalJson.ts';

/** A JSON object of unknown members. */
export type JsonRecord = { [key: string]: Json };

/** The object that a text is, null where it is no JSON or another value. */
export function parseRecord(text: string): JsonRecord | null {
  try {
    const value = JSON.parse(text) as Json;
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** A member of a record, where it is a string. */
export function textField(record: JsonRecord | null | undefined, name: string): string | null {
  const value = record?.[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

/** What stands in a record at a path: keys with dots between them. */
export function valueAt(record: JsonRecord, path: string): Json | undefined {
  const dot = path.indexOf('.');
  return dot < 0 ? record[path] : recordField(record, path.slice(0, dot))?.[path.slice(dot + 1)];
}

/** A member of a record, where it is a finite number. */
export function numberField(record: JsonRecord | null | undefined, name: string): number | null {
  const value = record?.[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A member of a record, where it is an object. */
export function recordField(record: JsonRecord | null | undefined, name: string): JsonRecord | null {
  const value = record?.[name];
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
}

/** A member of a record as a list of its strings; empty where it is none. */
export function textListField(record: JsonRecord | null | undefined, name: string): string[] {
  const value = record?.[name];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
