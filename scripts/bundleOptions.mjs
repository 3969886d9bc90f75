// How esbuild bundles what ships, and what is measured beside it.
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');

/** Packages whose main form esbuild can't follow, and the form that it can. */
export const moduleForms = { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' };

export const shared = {
  absWorkingDir: root,
  outdir: path.join(root, 'dist'),
  bundle: true,
  metafile: true,
  minify: true,
  // Errors are told apart by their class names.
  keepNames: true,
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
  plugins: [englishOnlyZod()],
};

/** For code that runs in Node 20 and later: the command line, the extension host, the worker. */
export const node = {
  ...shared,
  alias: moduleForms,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  splitting: true,
  external: ['vscode'],
  // Bundled CommonJS packages ask for Node's modules through `require`.
  banner: {
    js: "import{createRequire as __forkpointRequire}from'node:module';var require=__forkpointRequire(import.meta.url);",
  },
  define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
};

/** For the roots of the command line and the extension host, and for what loads the same parts on demand. */
export const inChunks = {
  ...node,
  inject: ['small-modules'],
  plugins: [...shared.plugins, lazyNodeModules(), smallModules()],
};

const temporal = path.join(root, 'src/orchestration/temporal');

/** For the workflows, which the Temporal SDK bundles for its sandbox. */
export const workflows = {
  workflowsPath: path.join(temporal, 'workflows.ts'),
  failureConverterPath: path.join(temporal, 'codec/failureConverter.ts'),
  workflowInterceptorModules: [path.join(temporal, 'workflowTracing.ts')],
  preloadModules: ['workflows.ts', 'workflowTracing.ts'].map((module) => path.join(temporal, module)),
  webpackConfigHook: (config) => {
    const ours = {
      include: path.join(root, 'src'),
      enforce: 'post',
      loader: path.join(root, 'scripts/frozenExports.cjs'),
    };
    return { ...config, module: { ...config.module, rules: [...config.module.rules, ours] } };
  },
  logger: { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error },
};

/** Zod's namespace holds its messages in fifty languages, 270 kB that activation would read; ours are English. */
function englishOnlyZod() {
  return {
    name: 'english-only-zod',
    setup(build) {
      build.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
        contents: "export { default as en } from './en.js';",
        loader: 'js',
      }));
    },
  };
}

/**
 * Every command line loads commander and env-paths, which import modules of Node that take a tenth of its start to load and that it
 * does without: `child_process` for subcommands in files of their own, and `process`, which is there anyway.
 */
function lazyNodeModules() {
  const contents = {
    'node:child_process': "exports.spawn = (...args) => require('node:child_process').spawn(...args);",
    'node:process': 'module.exports = process;',
  };
  return {
    name: 'lazy-node-modules',
    setup(build) {
      build.onResolve({ filter: /^node:(?:child_process|process)$/ }, ({ importer, path }) =>
        /[\\/]node_modules[\\/](?:commander|env-paths)[\\/]/.test(importer) ? { path, namespace: 'lazy' } : undefined,
      );
      build.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({ contents: contents[path], resolveDir: root }));
    },
  };
}

/**
 * What stands in one chunk is what the same entries and dynamic imports use. Small modules that nearly all of them use in part would
 * make two dozen chunks of a kilobyte each, which take longer to be found than to be run: so all of them use all of these.
 */
function smallModules() {
  const modules = [
    'adapters/claudeCode/layout',
    'adapters/claudeCode/projectFiles',
    'adapters/claudeCode/sessionParts',
    'adapters/dataFolders',
    'adapters/fileErrors',
    'adapters/fileStamp',
    'adapters/parseJsonBytes',
    'adapters/plainFiles',
    'adapters/sessions/indexVersion',
    'adapters/sessions/sessionIndex',
    'adapters/sha256',
    'adapters/sqlite/cacheDatabase',
    'adapters/watchFolder',
    'core/api/usage',
    'core/archive/retention',
    'core/errors',
    'core/fork/describePrefix',
    'core/format',
    'core/groupBy',
    'core/plainText',
    'core/session/projectFolder',
    'core/session/recordTable',
    'core/session/recordedSession',
  ];
  return {
    name: 'small-modules',
    setup(build) {
      build.onResolve({ filter: /^small-modules$/ }, ({ path }) => ({ path, namespace: 'small-modules' }));
      build.onLoad({ filter: /.*/, namespace: 'small-modules' }, () => ({
        contents: modules.map((module) => `import './src/${module}.ts';`).join('\n'),
        resolveDir: root,
      }));
    },
  };
}
