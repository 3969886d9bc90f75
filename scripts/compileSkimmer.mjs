// Compiles src/adapters/sessions/skim/assembly to WebAssembly, as a text in a module of its own: nothing has to be found
// beside the bundle, and no binary lies in the repository. `node scripts/compileSkimmer.mjs` from anywhere.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.resolve(import.meta.dirname, '../src/adapters/sessions/skim');
const sources = path.join(folder, 'assembly');
const target = path.join(folder, 'skimmerModule.ts');
const options = ['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--use', 'abort='];

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** @throws Error with the compiler's messages. Does nothing where what is there was made of these very sources. */
export async function compileSkimmer() {
  const names = readdirSync(sources).filter((name) => name.endsWith('.ts'));
  const texts = new Map(names.sort().map((name) => [name, readFileSync(path.join(sources, name), 'utf8')]));
  const hash = createHash('sha256')
    .update(JSON.stringify([...texts, options]))
    .digest('hex');
  const made = `// Made by scripts/compileSkimmer.mjs of assembly/ ${hash}.\n`;
  if (read(target).startsWith(made)) return;
  const { default: asc } = await import('assemblyscript/asc');
  let wasm = new Uint8Array();
  let messages = '';
  const { error } = await asc.main(['skim.ts', '--outFile', 'skim.wasm', ...options], {
    readFile: (name) => texts.get(name) ?? null,
    writeFile: (_name, content) => {
      wasm = content;
    },
    listFiles: () => [],
    stderr: { write: (text) => (messages += text) },
  });
  if (error) throw new Error(`${error.message}\n${messages}`);
  // Renamed into place: another process may be reading.
  const fresh = `${target}.${process.pid}`;
  writeFileSync(fresh, `${made}export const skimmerModule = '${Buffer.from(wasm).toString('base64')}';\n`);
  renameSync(fresh, target);
}

if (process.argv[1] === import.meta.filename) await compileSkimmer();
