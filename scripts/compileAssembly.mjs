// Compiles our AssemblyScript to WebAssembly, each as a text in a module of its own: nothing has to be found beside the bundle,
// and no binary lies in the repository. `node scripts/compileAssembly.mjs` from anywhere.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { recordKeys, skimmedWords } from '../src/core/session/recordTable.ts';

const root = path.resolve(import.meta.dirname, '..');
/** As many names as `assembly/keys.ts` has room for. */
const mostNames = 64;

/** Entries, in a folder `assembly` with all that they import but `made`; the module is made beside the folder. */
const modules = [
  {
    entry: 'src/adapters/sessions/skim/assembly/skim.ts',
    name: 'skimmerModule',
    made: { 'recordKeys.ts': recordKeyNumbers() },
  },
  { entry: 'src/adapters/search/assembly/find.ts', name: 'finderModule' },
];
const options = ['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--use', 'abort='];

/** The numbers of the keys and words of `recordTable.ts`, as `lineSkimmer.ts` gives them to the module. */
function recordKeyNumbers() {
  const names = [...recordKeys.map((key) => `key-${key}`), ...skimmedWords.map((word) => `word-${word}`)];
  if (names.length > mostNames)
    throw new Error(`recordTable.ts has ${names.length} names; there is room for ${mostNames}.`);
  const lines = names.map((name, at) => `export const ${camelCase(name)}: u32 = ${at + 1};`);
  return `${lines.join('\n')}\n`;
}

function camelCase(name) {
  return name.replaceAll(/[-_](.)/g, (_, letter) => letter.toUpperCase());
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** @throws Error with the compiler's messages. Does nothing where what is there was made of these very sources. */
async function compile({ entry, name, made: extra = {} }) {
  const sources = path.dirname(path.join(root, entry));
  const target = path.join(sources, '..', `${name}.ts`);
  const names = readdirSync(sources).filter((file) => file.endsWith('.ts'));
  const texts = new Map(names.sort().map((file) => [file, readFileSync(path.join(sources, file), 'utf8')]));
  for (const [file, text] of Object.entries(extra)) texts.set(file, text);
  const hash = createHash('sha256')
    .update(JSON.stringify([...texts, options]))
    .digest('hex');
  const made = `// Made by scripts/compileAssembly.mjs of assembly/ ${hash}.\n`;
  if (read(target).startsWith(made)) return;
  const { default: asc } = await import('assemblyscript/asc');
  let wasm = new Uint8Array();
  let messages = '';
  const { error } = await asc.main([path.basename(entry), '--outFile', 'out.wasm', ...options], {
    readFile: (file) => texts.get(file) ?? null,
    writeFile: (_file, content) => {
      wasm = content;
    },
    listFiles: () => [],
    stderr: { write: (text) => (messages += text) },
  });
  if (error) throw new Error(`${error.message}\n${messages}`);
  // Renamed into place: another process may be reading.
  const fresh = `${target}.${process.pid}`;
  writeFileSync(fresh, `${made}export const ${name} = '${Buffer.from(wasm).toString('base64')}';\n`);
  renameSync(fresh, target);
}

/** @throws Error with the compiler's messages */
export async function compileAssembly() {
  for (const module of modules) await compile(module);
}

if (process.argv[1] === import.meta.filename) await compileAssembly();
