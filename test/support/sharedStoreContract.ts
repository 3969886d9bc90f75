import { expect, it } from 'vitest';
import type { SharedStore } from '../../src/core/sharedStore.ts';

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());
const bytesOf = (words: string): Buffer => Buffer.from(words);

/** What every shared store must do. @param open gives one more client of the same, empty store */
export function describeSharedStore(open: () => Promise<SharedStore>): void {
  it('gives what another client wrote, whole and as it was', async () => {
    const [one, other] = [await open(), await open()];
    expect(await other.get('runs/r-1/plan.json')).toBeNull();
    await one.put('runs/r-1/plan.json', bytesOf('{"version":1}'));
    expect(text(await other.get('runs/r-1/plan.json'))).toBe('{"version":1}');
    await other.put('runs/r-1/plan.json', bytesOf('{}'));
    expect(text(await one.get('runs/r-1/plan.json'))).toBe('{}');
    const large = Buffer.alloc(3_000_000, 'ä');
    await one.put('blobs/00/large.json', large);
    expect(large.equals(Buffer.from((await other.get('blobs/00/large.json')) ?? []))).toBe(true);
    expect(text(await other.get('blobs/00/none.json'))).toBeNull();
  });

  it('lets one of many create an object, and nobody replaces it so', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, open));
    const made = await Promise.all(clients.map((client, index) => client.create('one.json', bytesOf(String(index)))));
    expect(made.filter((each) => each)).toHaveLength(1);
    const winner = String(made.indexOf(true));
    for (const client of clients) expect(text(await client.get('one.json'))).toBe(winner);
    expect(await clients[0]!.create('one.json', bytesOf('late'))).toBe(false);
    expect(text(await clients[0]!.get('one.json'))).toBe(winner);
  });

  it('lists names in order, from where one left off, and deletes what belongs together', async () => {
    const store = await open();
    const names = Array.from(
      { length: 12 },
      (_, index) => `runs/r-2/events/${String(index + 1).padStart(8, '0')}.json`,
    );
    await Promise.all(names.toReversed().map((name) => store.put(name, bytesOf('{}'))));
    await store.put('runs/r-20/plan.json', bytesOf('{}'));
    expect(await store.list('runs/r-2/events/')).toEqual(names);
    expect(await store.list('runs/r-2/events/', names[9])).toEqual(names.slice(10));
    expect(await store.list('runs/r-3/')).toEqual([]);
    await store.deleteAll('runs/r-2/');
    expect(await store.list('runs/r-2/')).toEqual([]);
    expect(await store.get(names[0]!)).toBeNull();
    expect(text(await store.get('runs/r-20/plan.json'))).toBe('{}');
    await store.deleteAll('runs/r-2/');
  });

  it('takes no name that leads elsewhere', async () => {
    const store = await open();
    for (const name of ['../out.json', 'runs/../../out.json', '/etc/passwd', 'a//b.json', 'a\\b.json']) {
      await expect(store.get(name), name).rejects.toThrow(/Not the name/);
      await expect(store.put(name, bytesOf('x')), name).rejects.toThrow(/Not the name/);
    }
  });
}
