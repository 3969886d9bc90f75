import { defineConfig } from 'vitest/config';
import { compileAssembly } from './scripts/compileAssembly.mjs';

await compileAssembly();

// `unit` is the quick loop: no process, no server, no browser. The others use real ones, so they run one file at a time: two
// cores are soon full, and timings would lie. `durable` is what needs a Temporal server, `agents` what lets Claude Code work.
// Files share their process and its modules, which halves the time; those that replace a module or its timers can't.
const mocking = [
  'test/unit/views/**/*.test.ts',
  'test/unit/adapters/fileLock.test.ts',
  'test/unit/adapters/whenIdle.test.ts',
];
const durable = ['test/contract/temporal.test.ts', 'test/integration/temporal*.test.ts'];
const agents = [
  'test/contract/agents*.test.ts',
  'test/integration/agent*.test.ts',
  'test/integration/cliAgents.test.ts',
];
// What failed is tried once more, as two busy cores make real processes late; `npm test` lists such tests at its end.
const real = { testTimeout: 60_000, hookTimeout: 180_000, fileParallelism: false, isolate: false, retry: 1 };

export default defineConfig({
  test: {
    // What UI tests share ends after the last file, a browser and an editor among it.
    teardownTimeout: 60_000,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          exclude: mocking,
          testTimeout: 10_000,
          hookTimeout: 30_000,
          isolate: false,
        },
      },
      { test: { name: 'unit-mocking', include: mocking, testTimeout: 10_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/contract/**/*.test.ts', 'test/integration/**/*.test.ts'],
          exclude: [...durable, ...agents],
          ...real,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { name: 'durable', include: durable, ...real, sequence: { groupOrder: 2 } } },
      {
        test: {
          name: 'agents',
          include: agents,
          ...real,
          globalSetup: ['test/support/keptStages.ts'],
          maxConcurrency: 3,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'ui',
          include: ['test/e2e/**/*.e2e.ts'],
          ...real,
          globalSetup: ['test/e2e/support/globalSetup.ts'],
          testTimeout: 120_000,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
