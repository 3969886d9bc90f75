const svg = 'icon.svg';

/** `package.json` of the bench's extension: a view container for each tree. */
export const treeManifest = {
  name: 'forkpoint-bench-tree',
  publisher: 'forkpoint',
  version: '0.0.1',
  type: 'module',
  engines: { vscode: '^1.125.0' },
  main: './treeExtension.js',
  activationEvents: ['onStartupFinished'],
  contributes: {
    viewsContainers: {
      activitybar: [
        { id: 'bench-ours', title: 'Bench Grouped', icon: svg },
        { id: 'bench-flat', title: 'Bench Flat', icon: svg },
        { id: 'bench-few', title: 'Bench Few', icon: svg },
      ],
    },
    views: {
      'bench-ours': [{ id: 'forkpoint.sessions', name: 'Grouped' }],
      'bench-flat': [{ id: 'bench.flat', name: 'Flat' }],
      'bench-few': [{ id: 'bench.few', name: 'Few' }],
    },
  },
};
