import { isBuiltin } from 'node:module';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/**
 * The layers of ARCHITECTURE.md, first match wins. `mayImport` are layers of ours, `packages` says which packages may be
 * used (`node:` stands for all of Node's own modules), `typesOf` what may be imported for its types only. `folders` are the folders
 * of a layer, lowest first (`.` stands for the files beside them): each may import from those on lines above its own, types too.
 */
const layers = [
  {
    name: 'root',
    files: [/^src\/extension\.ts$/, /^src\/orchestration\/temporal\/worker\.ts$/, /^src\/cli\//],
    mayImport: ['core', 'adapters', 'in-process engine', 'temporal engine', 'views', 'services', 'cli', 'demo'],
    packages: () => true,
  },
  {
    name: 'services',
    files: [/^src\/(?:services|agentServices|lazyAgentServices|scheduling|setupServices|storeServices)\.ts$/],
    mayImport: ['core', 'adapters', 'in-process engine', 'temporal engine', 'demo', 'services'],
    packages: (name) => name !== 'vscode',
  },
  {
    name: 'core',
    files: [/^src\/core\//],
    mayImport: ['core'],
    folders: [
      ['.'],
      ['api'],
      ['session'],
      ['archive', 'files', 'search'],
      ['changes'],
      ['agent'],
      ['fork'],
      ['checks', 'run'],
      ['compare', 'setup'],
      ['useCases'],
    ],
    packages: (name) => name === 'zod',
    typesOf: (name) => name !== 'vscode' && name !== 'node:',
  },
  {
    name: 'adapters',
    files: [/^src\/adapters\//],
    mayImport: ['core', 'adapters'],
    folders: [
      ['.'],
      [
        'anthropic',
        'blobs',
        'cache',
        'checks',
        'claudeCode',
        'demo',
        'forkFiles',
        'git',
        'limits',
        'prices',
        'runs',
        'setup',
        'sqlite',
        'tracing',
      ],
      ['changes', 'files', 'shared'],
      ['places', 'sessions'],
      ['archive', 'search'],
      ['sessionFacts'],
      ['reader'],
    ],
    packages: (name) => name !== 'vscode' && !name.startsWith('@temporalio/'),
  },
  {
    name: 'in-process engine',
    files: [/^src\/orchestration\/inProcess\//],
    mayImport: ['core', 'in-process engine'],
    packages: (name) => ['p-queue', 'p-retry', 'zod'].includes(name),
  },
  {
    name: 'workflows',
    files: [
      /^src\/orchestration\/temporal\/(?:workflows|durableRun\/\w+|rethrowAsOurs|agentQueueOf|workflowIdOf|searchAttributes|traceHeader|workflowTracing|codec\/failureConverter)\.ts$/,
    ],
    mayImport: ['core', 'workflows'],
    // The workflow sandbox has no Node, and a bundle must not drag one in.
    packages: (name) => ['@temporalio/workflow', '@temporalio/common', 'zod'].includes(name),
    mayImportTypes: ['temporal engine'],
    typesOf: (name) => name.startsWith('@temporalio/'),
  },
  {
    name: 'temporal engine',
    files: [/^src\/orchestration\/temporal\//],
    mayImport: ['core', 'temporal engine', 'workflows'],
    packages: (name) => name !== 'vscode' && !name.startsWith('@anthropic-ai/'),
  },
  {
    name: 'panel protocol',
    files: [/^src\/views\/forkPanel\/protocol\.ts$/],
    mayImport: ['core'],
    packages: (name) => name === 'zod' || name === 'vscode-messenger-common',
  },
  {
    name: 'browser',
    files: [/^src\/views\/forkPanel\/app\//],
    mayImport: ['browser', 'panel protocol'],
    mayImportTypes: ['core'],
    packages: (name) => !['vscode', 'node:', 'vscode-messenger'].includes(name) && !isHeavy(name),
  },
  {
    name: 'views',
    files: [/^src\/views\//],
    mayImport: ['core', 'views', 'panel protocol'],
    packages: (name) => name !== 'node:' && !isHeavy(name),
  },
  { name: 'demo', files: [/^demo\//], mayImport: ['core', 'adapters', 'demo'], packages: (name) => name !== 'vscode' },
];

function isHeavy(name) {
  return name.startsWith('@temporalio/') || name.startsWith('@anthropic-ai/');
}

// The roots share `services.ts`; apart from that nobody imports a root.
function layerOf(file, asTarget) {
  if (asTarget && file.startsWith('src/cli/') && file !== 'src/cli/main.ts') return 'cli';
  return layers.find((layer) => layer.files.some((pattern) => pattern.test(file)))?.name ?? null;
}

function packageOf(source) {
  if (isBuiltin(source)) return 'node:';
  return source
    .split('/')
    .slice(0, source.startsWith('@') ? 2 : 1)
    .join('/');
}

// Of `src/core/fork/agent/x.ts` that is `fork`.
function folderOf(file) {
  const [, , folder, name] = file.split('/');
  return name === undefined ? '.' : folder;
}

function brokenOrder({ name, folders }, file, target) {
  const [folder, targetFolder] = [folderOf(file), folderOf(target)];
  if (folder === targetFolder) return null;
  const [rank, targetRank] = [folder, targetFolder].map((one) => folders.findIndex((line) => line.includes(one)));
  if (rank === -1) return `${name}/${folder} has no place in the order of folders; see scripts/lint/layers.js.`;
  if (targetRank !== -1 && targetRank < rank) return null;
  return `${name}/${folder} must not import from ${name}/${targetFolder}, which is not below it (${target}).`;
}

/** What is wrong with this import, or null. `file` is relative to the checkout, with forward slashes. */
export function problemOf(file, source, typeOnly) {
  const layer = layers.find(({ files }) => files.some((pattern) => pattern.test(file)));
  if (!layer) return file.startsWith('src/') ? `${file} belongs to no layer; see scripts/lint/layers.js.` : null;
  if (!source.startsWith('.')) {
    const name = packageOf(source);
    if (layer.packages(name) || (typeOnly && layer.typesOf?.(name))) return null;
    return `${layer.name} must not import ${name === 'node:' ? 'Node’s own modules' : name} (${source}).`;
  }
  const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), source));
  if (target.endsWith('.css')) return null;
  const targetLayer = layerOf(target, true);
  if (targetLayer === layer.name && layer.folders) return brokenOrder(layer, file, target);
  if (targetLayer && layer.mayImport.includes(targetLayer)) return null;
  if (typeOnly && layer.mayImportTypes?.includes(targetLayer)) return null;
  return `${layer.name} must not import ${targetLayer ?? 'what lies outside of src'} (${target}).`;
}

function isTypeOnly(node) {
  if (node.importKind === 'type' || node.exportKind === 'type') return true;
  const names = node.specifiers ?? [];
  return names.length > 0 && names.every((name) => name.importKind === 'type' || name.exportKind === 'type');
}

const rule = {
  create(context) {
    const file = path.relative(root, context.filename).split(path.sep).join('/');
    const check = (node, source, typeOnly) => {
      if (typeof source?.value !== 'string') return;
      const problem = problemOf(file, source.value, typeOnly);
      if (problem) context.report({ node: source, message: problem });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source, isTypeOnly(node)),
      ExportNamedDeclaration: (node) => check(node, node.source, isTypeOnly(node)),
      ExportAllDeclaration: (node) => check(node, node.source, node.exportKind === 'type'),
      ImportExpression: (node) => check(node, node.source, false),
      TSImportType: (node) => check(node, node.source ?? node.argument?.literal ?? node.argument, true),
    };
  },
};

export default { meta: { name: 'forkpoint' }, rules: { layers: rule } };
