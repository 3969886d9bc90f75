import { appendFile, cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { bundleCli, CliBench } from '../support/cli.ts';
import { writeSession } from '../support/writeSession.ts';

const root = path.resolve(import.meta.dirname, '../..');
const sample = '7d3c1f52-9a64-4c0e-8b1d-5e2f60a4c913';

// The contract. Loose: more fields are welcome.
const resultShape = z.strictObject({
  hits: z.array(
    z.object({
      sessionId: z.string(),
      file: z.string(),
      turnId: z.string().nullable(),
      uuid: z.string(),
      line: z.number().int().positive(),
      snippet: z.string(),
    }),
  ),
  complete: z.boolean(),
});

let bundle: Awaited<ReturnType<typeof bundleCli>>;
let bench: CliBench;

beforeAll(async () => {
  bundle = await bundleCli();
});
afterAll(() => bundle.remove());
beforeEach(async () => {
  bench = await CliBench.make(bundle.script);
  await cp(path.join(root, 'demo/claude'), claudeDir(), { recursive: true });
});
afterEach(() => bench.remove());

const claudeDir = () => path.join(bench.home, 'claude');
const home = () => path.join(bench.home, 'forkpoint');
const cli = (...args: string[]) => bench.run(args, { env: { CLAUDE_CONFIG_DIR: claudeDir(), FORKPOINT_HOME: home() } });
const search = async (...args: string[]) => resultShape.parse((await cli('search', ...args, '--json')).json());

describe('forkpoint search', () => {
  it('finds the same with and without an index, the newest session first', async () => {
    await writeSession(claudeDir(), '/work/website', ['Where is slugify called?']);
    const without = await search('slugify');
    expect(without.complete).toBe(true);
    expect(new Set(without.hits.slice(2).map(({ sessionId }) => sessionId))).toEqual(new Set([sample]));
    expect(without.hits[0]?.snippet).toBe('Where is slugify called?');
    for (const { snippet } of without.hits) expect(snippet.toLowerCase()).toContain('slugify');
    expect(await cli('index', '--json')).toMatchObject({ code: 0, stderr: '' });
    expect(await search('slugify')).toEqual(without);
    expect(await search('No Such Text')).toEqual({ hits: [], complete: true });
  });

  it('names turns as inspect does', async () => {
    const { hits } = await search('handle emoji');
    const { turns } = (await cli('inspect', sample, '--json')).json();
    expect(hits[0]).toMatchObject({ sessionId: sample, turnId: turns[3].turnId, uuid: turns[3].turnId });
  });

  it('takes limit, project, tool and dates', async () => {
    await writeSession(claudeDir(), '/work/website', ['slugify']);
    expect(await search('slugify', '--limit', '1')).toMatchObject({ hits: [{}], complete: false });
    for (const { sessionId } of (await search('slugify', '--project', '/home/sam/slug-tools')).hits)
      expect(sessionId).toBe(sample);
    expect((await search('slugify', '--tool', 'NoSuchTool')).hits).toEqual([]);
    expect((await search('slugify', '--model', 'no-such-model')).hits).toEqual([]);
    expect((await search('slugify', '--until', '2020-01-01')).hits).toEqual([]);
  });

  it('prints for a person, inert', async () => {
    await writeSession(claudeDir(), '/work/website', ['\u001b]0;title\u0007 quixote \u202e$(icon)']);
    const { code, stdout, stderr } = await cli('search', 'quixote');
    expect(code).toBe(0);
    expect(stdout).toContain('turn 1 · prompt');
    expect(stdout).toContain('quixote');
    expect(stdout).not.toMatch(/[\u001b\u0007\u202e]/);
    expect(stderr).toContain('2 hits in 1 session.');
    expect((await cli('search', 'nothing at all')).stderr).toContain('Nothing found.');
  });

  it.each([
    [['search', '']],
    [['search', '   ']],
    [['search']],
    [['search', 'x', '--since', 'soon']],
    [['search', 'x', '--limit', '0']],
  ])('%j is refused', async (args) => {
    const result = await cli(...args, '--json');
    expect(result.code).toBe(2);
    expect(result.json().error.code).toBe('bad_input');
  });

  it('is not disturbed by an index that is broken, and follows what was appended', async () => {
    const session = await writeSession(claudeDir(), '/work/website', ['first quixote']);
    await cli('index');
    await session.add('second quixote');
    expect((await search('quixote')).hits).toHaveLength(4);
    for (const name of await readdir(path.join(home(), 'index')))
      await appendFile(path.join(home(), 'index', name), 'x');
    await mkdir(path.join(home(), 'index'), { recursive: true });
    await writeFile(path.join(home(), 'index', 'texts-1.0.db'), 'broken'.repeat(1000));
    const { code, stderr } = await cli('search', 'quixote', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect((await search('quixote')).hits).toHaveLength(4);
    expect((await cli('index')).code).toBe(0);
    expect((await search('quixote')).hits).toHaveLength(4);
  });
});
