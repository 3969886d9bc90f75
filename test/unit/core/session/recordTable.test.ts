import { describe, expect, it } from 'vitest';
import { factsOf, noFacts } from '../../../../src/core/session/entryFacts.ts';
import { factFields, factTable, openedKeys, recordKeys, tableText } from '../../../../src/core/session/recordTable.ts';

/** A record in which each field stands that says a fact. */
function recordOf(type: string): Record<string, unknown> {
  const record: Record<string, unknown> = { type, message: { role: 'user', content: [] } };
  for (const { path, as } of factFields.get(type) ?? []) {
    const [first = '', second] = path.split('.');
    const value = as === 'flag' ? true : `of ${path}`;
    record[first] = second === undefined ? value : { ...(record[first] as object), [second]: value };
  }
  return record;
}

describe('the table of fields', () => {
  it.each([...factFields.keys()])('says what a %s record says', (type) => {
    const facts = factsOf(type, recordOf(type) as never, null);
    for (const { name, path, as } of factFields.get(type) ?? [])
      expect(facts[name], name).toBe(as === 'flag' ? true : `of ${path}`);
  });

  it('says nothing of records of other types', () => {
    for (const type of ['progress', 'constructor', '__proto__', ''])
      expect(factsOf(type, { type }, null)).toBe(noFacts);
  });

  it('names keys for the skimmer, and those that it looks into', () => {
    const paths = [...factFields.values()].flatMap((fields) => fields.map(({ path }) => path));
    for (const key of paths.flatMap((path) => path.split('.'))) expect(recordKeys).toContain(key);
    for (const path of paths.filter((each) => each.includes('.'))) expect(openedKeys).toContain(path.split('.')[0]);
  });

  it('is told by its text, so that an index of another table is another one', () => {
    for (const [name, row] of Object.entries(factTable))
      expect(tableText).toContain(`"${name}":${JSON.stringify(row)}`);
  });
});
