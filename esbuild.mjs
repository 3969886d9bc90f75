// Builds everything that ships into dist/. `node esbuild.mjs [--watch] [--no-workflows]`

import { existsSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import { inChunks, node, shared, workflows } from './scripts/bundleOptions.mjs';
import { compileAssembly } from './scripts/compileAssembly.mjs';
import { bundledFiles, thirdPartyNotices } from './scripts/thirdPartyNotices.ts';

const root = import.meta.dirname;
const dist = path.join(root, 'dist');
const require = createRequire(import.meta.url);
const watch = process.argv.includes('--watch');

const host = {
  ...inChunks,
  entryPoints: {
    extension: 'src/extension.ts',
    cli: 'src/cli/main.ts',
    reader: 'src/adapters/reader/readerThread.ts',
  },
  chunkNames: 'chunk-[hash]',
};

/** Small threads that are started while somebody waits: in one file each is there a third earlier than in a dozen chunks. */
const threads = {
  ...node,
  splitting: false,
  entryPoints: {
    scanThread: 'src/adapters/search/scanThread.ts',
    summaryThread: 'src/adapters/sessions/summaryThread.ts',
  },
};

const worker = {
  ...node,
  entryPoints: {
    worker: 'src/orchestration/temporal/worker.ts',
    replay: 'src/orchestration/temporal/replay/replay.ts',
    'workflow-worker-thread': '@temporalio/worker/lib/workflow/workflow-worker-thread.js',
  },
  chunkNames: 'worker-[hash]',
  plugins: [...shared.plugins, withoutWorkflowBundler()],
};

const webview = {
  ...shared,
  outdir: path.join(dist, 'webview'),
  platform: 'browser',
  target: 'chrome130',
  format: 'iife',
  entryPoints: { forkPanel: 'src/views/forkPanel/app/main.ts' },
};

/**
 * `@temporalio/worker` brings webpack and swc along for bundling workflows at run time. Ours are bundled at build time,
 * so those packages (60 MB) stay at home: whoever asks for them after all gets an error that says so.
 */
function withoutWorkflowBundler() {
  const message = 'Forkpoint bundles its workflows at build time; this package is not shipped.';
  return {
    name: 'without-workflow-bundler',
    setup(build) {
      const heavy = /^(webpack|memfs|unionfs|@swc\/core|swc-loader|source-map-loader)$/;
      build.onResolve({ filter: heavy }, ({ path }) => ({ path, namespace: 'not-shipped' }));
      build.onLoad({ filter: /.*/, namespace: 'not-shipped' }, ({ path }) => ({
        contents: `module.exports = new Proxy({}, { get(_, name) {
          if (name === '__esModule' || typeof name === 'symbol') return undefined;
          throw new Error(${JSON.stringify(`${path}: ${message}`)});
        } });`,
        loader: 'js',
      }));
      // `require.resolve` of a loader at import time must not fail; the thread's entry stands beside the worker.
      build.onLoad({ filter: /@temporalio\/worker\/lib\/workflow\/(bundler|threaded-vm)\.js$/ }, async (file) => ({
        contents: (await readFile(file.path, 'utf8'))
          .replaceAll("require.resolve('./workflow-worker-thread')", "require.resolve('./workflow-worker-thread.js')")
          .replaceAll(/require\.resolve\('(\.\.\/workflow-log-interceptor|source-map-loader|swc-loader)'\)/g, "'$1'"),
        loader: 'js',
      }));
      build.onResolve({ filter: /^\.\/workflow-worker-thread\.js$/ }, ({ path, kind }) =>
        kind === 'require-resolve' ? { path, external: true } : undefined,
      );
    },
  };
}

/** Copies what the bundled worker looks for beside itself: its native core for this platform, and a source map reader. */
async function copyWorkerCore() {
  const fromWorker = createRequire(require.resolve('@temporalio/worker'));
  const sourceMap = path.dirname(fromWorker.resolve('source-map/package.json'));
  await copyFile(path.join(sourceMap, 'lib/mappings.wasm'), path.join(dist, 'mappings.wasm'));
  const bridge = path.dirname(fromWorker.resolve('@temporalio/core-bridge/package.json'));
  const { getPrebuiltTargetName } = fromWorker('@temporalio/core-bridge/common.js');
  const target = path.join('releases', getPrebuiltTargetName());
  const source = path.join(bridge, target, 'index.node');
  const copy = path.join(dist, target, 'index.node');
  if (existsSync(copy) && (await stat(copy)).size === (await stat(source)).size) return;
  await mkdir(path.dirname(copy), { recursive: true });
  await copyFile(source, copy);
}

async function copyCodicons() {
  const icons = path.join(path.dirname(require.resolve('@vscode/codicons/package.json')), 'dist');
  await mkdir(path.join(dist, 'webview'), { recursive: true });
  for (const file of ['codicon.css', 'codicon.ttf']) await cp(path.join(icons, file), path.join(dist, 'webview', file));
}

/**
 * Bundles the workflows for Temporal's sandbox, at build time: at run time it would cost half a second and webpack.
 * @returns the files that the bundle holds something of
 */
async function bundleWorkflows() {
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode(workflows);
  await writeFile(path.join(dist, 'workflows.js'), code);
  const [, map = ''] = /^\/\/# sourceMappingURL=data:[^,]*,(.*)$/m.exec(code);
  return JSON.parse(Buffer.from(map, 'base64').toString()).sources.filter((source) => path.isAbsolute(source));
}

/** What is copied beside the bundles or compiled into them, and so is in no bundler's list. */
function copiedPackages() {
  const fromWorker = createRequire(require.resolve('@temporalio/worker'));
  return [
    fromWorker.resolve('@temporalio/core-bridge/package.json'),
    fromWorker.resolve('source-map/package.json'),
    require.resolve('@vscode/codicons/package.json'),
    require.resolve('assemblyscript/package.json'),
  ];
}

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(0)} kB`;
}

/** Bytes that loading this entry reads before it runs: itself and all chunks that it imports statically. */
function staticBytes(outputs, entry, seen = new Set()) {
  if (seen.has(entry)) return 0;
  seen.add(entry);
  const imports = outputs[entry].imports.filter(({ kind, external }) => kind === 'import-statement' && !external);
  return imports.reduce((sum, { path }) => sum + staticBytes(outputs, path, seen), outputs[entry].bytes);
}

async function report(results, names) {
  for (const { metafile } of results) {
    for (const [file, output] of Object.entries(metafile.outputs)) {
      if (!output.entryPoint || !names.includes(path.basename(file, '.js'))) continue;
      const zipped = kilobytes(gzipSync(await readFile(path.join(root, file))).length);
      const loaded = kilobytes(staticBytes(metafile.outputs, file));
      console.log(`  ${file.padEnd(34)} ${loaded.padStart(9)} loaded at start, entry ${zipped} gzipped`);
    }
  }
  const all = await readdir(dist, { recursive: true, withFileTypes: true });
  const files = all.filter((file) => file.isFile() && !file.name.endsWith('.map') && !file.name.endsWith('.node'));
  const sizes = await Promise.all(files.map((file) => stat(path.join(file.parentPath, file.name))));
  console.log(
    `  all of dist without maps and native core: ${kilobytes(sizes.reduce((sum, { size }) => sum + size, 0))}`,
  );
}

/** Chunks are named by their content: those of earlier builds would be packed along. */
async function removeStaleChunks(results) {
  const made = new Set(results.flatMap(({ metafile }) => Object.keys(metafile.outputs)));
  const chunks = (await readdir(dist)).filter((name) => /^(chunk|worker)-/.test(name));
  await Promise.all(chunks.filter((name) => !made.has(`dist/${name}`)).map((name) => rm(path.join(dist, name))));
}

async function build() {
  const started = performance.now();
  await mkdir(dist, { recursive: true });
  await compileAssembly();
  const kinds = [host, threads, worker, webview];
  if (watch) {
    for (const options of kinds) await (await esbuild.context(options)).watch();
  }
  const [results, workflowFiles] = await Promise.all([
    watch ? [] : Promise.all(kinds.map((options) => esbuild.build(options))),
    bundleWorkflows(),
    copyCodicons(),
    copyWorkerCore(),
  ]);
  if (watch) return console.log('Watching.');
  await removeStaleChunks(results);
  const files = results.flatMap(({ metafile }) => bundledFiles(metafile, root));
  const notices = thirdPartyNotices([...files, ...workflowFiles, ...copiedPackages()]);
  await writeFile(path.join(dist, 'THIRD_PARTY_NOTICES.txt'), notices);
  await chmod(path.join(dist, 'cli.js'), 0o755);
  await report(
    results,
    kinds.flatMap(({ entryPoints }) => Object.keys(entryPoints)),
  );
  console.log(`Built in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
}

try {
  await build();
} catch (error) {
  // esbuild has printed what is wrong in our sources; anything else is unexpected.
  if (!error.errors) throw error;
  process.exitCode = 1;
}
