import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileStamp } from '../../../../src/adapters/fileStamp.ts';
import { FileSearcher } from '../../../../src/adapters/search/fileSearcher.ts';
import { planSearch } from '../../../../src/adapters/search/planSearch.ts';
import { TextIndex } from '../../../../src/adapters/search/textIndex.ts';

let folder: string;
let files: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'forkpoint-processes-'));
  files = Array.from({ length: 8 }, (_, at) => join(folder, `${at}.jsonl`));
  for (const [at, file] of files.entries()) {
    const lines = Array.from({ length: 300 }, (_, line) =>
      JSON.stringify({
        type: 'user',
        uuid: `u${at}-${line}`,
        message: { role: 'user', content: `prompt w${at}x${line}y` },
      }),
    );
    writeFileSync(file, `${lines.join('\n')}\n`);
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const script = `
  const [update, index, folder, ...files] = process.argv.slice(1);
  const { updateTextIndex } = await import(update);
  const { TextIndex } = await import(index);
  const texts = new TextIndex(folder, { busyMs: 10_000 });
  for await (const { indexed } of updateTextIndex(texts, files, { pieceBytes: 1500 })) console.log(indexed);
  texts.close();`;

function startUpdate(): ChildProcess {
  const source = (name: string) => new URL(`../../../../src/adapters/search/${name}.ts`, import.meta.url).href;
  const flags = ['--experimental-transform-types', '--no-warnings', '--input-type=module', '-e', script];
  const args = [...flags, source('updateTextIndex'), source('textIndex'), join(folder, 'index'), ...files];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Checks some words of each file. @param spares whether the index must have spared most of the reading */
function expectRight(spares: boolean): void {
  const index = new TextIndex(join(folder, 'index'));
  for (const [at, file] of files.entries()) {
    for (const line of [0, 57, 144, 299]) {
      const state = fileStamp(file);
      if (state === null) throw new Error('The file is not there.');
      const text = `w${at}x${line}y`;
      const [plan] = planSearch([{ file, sessionFile: file, state }], text, index);
      const found = plan === undefined ? [] : [...new FileSearcher(text).search(file, plan.pieces)].flat();
      expect(found.map(({ uuid }) => uuid)).toEqual([`u${at}-${line}`]);
      if (spares) expect(plan?.bytes).toBeLessThan(state.bytes / 2);
    }
  }
  index.close();
}

test('several processes that index the same files at once make one right index', async () => {
  const updates = [startUpdate(), startUpdate(), startUpdate()];
  const codes = await Promise.all(updates.map(async (update) => (await once(update, 'exit'))[0]));
  expect(codes).toEqual([0, 0, 0]);
  const again = startUpdate();
  await once(again, 'exit');
  expectRight(true);
}, 30_000);

test.each([1, 3, 6])(
  'one that is killed after %i files leaves nothing wrong',
  async (count) => {
    const killed = startUpdate();
    let printed = '';
    for await (const data of killed.stdout ?? []) {
      printed += String(data);
      if (printed.trim().split('\n').length > count) break;
    }
    killed.kill('SIGKILL');
    if (killed.exitCode === null && killed.signalCode === null) await once(killed, 'exit');
    expectRight(false);
    await once(startUpdate(), 'exit');
    expectRight(true);
  },
  30_000,
);
