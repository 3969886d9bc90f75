import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../../..');

/** Planted imports, one file each: [file, code]. */
const forbidden: [string, string][] = [
  ['src/core/session/a.ts', "import { readFile } from 'node:fs';\nreadFile;"],
  ['src/core/session/b.ts', "import { readFile } from 'fs';\nreadFile;"],
  ['src/core/session/c.ts', "import * as vscode from 'vscode';\nvscode;"],
  ['src/core/session/d.ts', "import type { Uri } from 'vscode';\nexport type U = Uri;"],
  ['src/core/session/e.ts', "import Anthropic from '@anthropic-ai/sdk';\nAnthropic;"],
  ['src/core/run/a.ts', "import { x } from '../../adapters/x.ts';\nx;"],
  ['src/core/run/b.ts', "export { x } from '../../orchestration/inProcess/x.ts';"],
  ['src/core/run/c.ts', "export * from '../../views/x.ts';"],
  ['src/core/run/d.ts', "await import('../../adapters/x.ts');"],
  ['src/core/run/e.ts', "export type X = import('../../views/x.ts').X;"],
  ['src/core/session/f.ts', "import type { X } from '../fork/x.ts';\nexport type Y = X;"],
  ['src/core/search/a.ts', "import { x } from '../files/x.ts';\nx;"],
  ['src/core/fork/agent/a.ts', "import { x } from '../../run/agent/x.ts';\nx;"],
  ['src/core/a.ts', "import { x } from './session/x.ts';\nx;"],
  ['src/core/unlisted/a.ts', "import { x } from '../x.ts';\nx;"],
  ['src/core/useCases/a.ts', "import { x } from '../unlisted/x.ts';\nx;"],
  ['src/adapters/sessions/a.ts', "import { x } from '../search/x.ts';\nx;"],
  ['src/adapters/runs/a.ts', "import type { X } from '../sessions/x.ts';\nexport type Y = X;"],
  ['src/adapters/f.ts', "import { x } from './sqlite/x.ts';\nx;"],
  ['src/adapters/a.ts', "import * as vscode from 'vscode';\nvscode;"],
  ['src/adapters/b.ts', "import { x } from '../views/x.ts';\nx;"],
  ['src/adapters/c.ts', "import { x } from '../orchestration/temporal/x.ts';\nx;"],
  ['src/adapters/d.ts', "import { Client } from '@temporalio/client';\nClient;"],
  ['src/adapters/e.ts', "import { x } from '../services.ts';\nx;"],
  ['src/orchestration/inProcess/a.ts', "import { readFile } from 'node:fs';\nreadFile;"],
  ['src/orchestration/inProcess/b.ts', "import { x } from '../../adapters/x.ts';\nx;"],
  ['src/orchestration/inProcess/c.ts', "import { x } from '../temporal/x.ts';\nx;"],
  ['src/orchestration/temporal/a.ts', "import { x } from '../../adapters/x.ts';\nx;"],
  ['src/orchestration/temporal/b.ts', "import { x } from './worker.ts';\nx;"],
  ['src/orchestration/temporal/workflows.ts', "import { readFile } from 'node:fs';\nreadFile;"],
  ['src/views/a.ts', "import { x } from '../adapters/x.ts';\nx;"],
  ['src/views/b.ts', "await import('../orchestration/temporal/x.ts');"],
  ['src/views/c.ts', "await import('@temporalio/client');"],
  ['src/views/d.ts', "import { readFile } from 'node:fs';\nreadFile;"],
  ['src/views/e.ts', "import { x } from '../extension.ts';\nx;"],
  ['src/views/forkPanel/protocol.ts', "import * as vscode from 'vscode';\nvscode;"],
  ['src/views/forkPanel/app/a.ts', "import * as vscode from 'vscode';\nvscode;"],
  ['src/views/forkPanel/app/b.ts', "import { x } from '../forkPanel.ts';\nx;"],
  ['src/views/forkPanel/app/c.ts', "import { x } from '../../../core/x.ts';\nx;"],
  ['src/views/forkPanel/app/d.ts', "import { readFile } from 'node:fs';\nreadFile;"],
  ['src/services.ts', "import { x } from './views/x.ts';\nx;"],
  ['src/somewhere/a.ts', "import { x } from '../core/x.ts';\nx;"],
];

const allowed: [string, string][] = [
  ['src/core/fork/a.ts', "import * as z from 'zod';\nimport { x } from '../session/x.ts';\nz;\nx;"],
  ['src/core/fork/b.ts', "import type { Anthropic } from '@anthropic-ai/sdk';\nexport type A = Anthropic;"],
  ['src/adapters/ok.ts', "import { readFile } from 'node:fs';\nimport { x } from '../core/x.ts';\nreadFile;\nx;"],
  ['src/core/run/agent/ok.ts', "import { x } from '../../fork/agent/x.ts';\nimport { y } from '../y.ts';\nx;\ny;"],
  ['src/core/run/ok.ts', "import { x } from './agent/x.ts';\nimport { y } from '../y.ts';\nx;\ny;"],
  ['src/adapters/search/ok.ts', "import { x } from '../sessions/skim/x.ts';\nimport { y } from '../y.ts';\nx;\ny;"],
  [
    'src/orchestration/inProcess/ok.ts',
    "import PQueue from 'p-queue';\nimport { x } from '../../core/x.ts';\nPQueue;\nx;",
  ],
  ['src/orchestration/temporal/worker.ts', "import { x } from '../../services.ts';\nx;"],
  ['src/orchestration/temporal/ok.ts', "import { x } from '../../core/x.ts';\nimport 'node:fs';\nx;"],
  ['src/views/ok.ts', "import * as vscode from 'vscode';\nimport { x } from '../core/x.ts';\nvscode;\nx;"],
  [
    'src/views/forkPanel/app/ok.ts',
    "import { x } from '../protocol.ts';\nimport type { Y } from '../../../core/y.ts';\nexport type Z = Y;\nx;",
  ],
  ['src/extension.ts', "import { x } from './services.ts';\nimport { y } from './views/y.ts';\nx;\ny;"],
];

let checkout: string;
let reported: Set<string>;

beforeAll(() => {
  checkout = mkdtempSync(path.join(tmpdir(), 'forkpoint-layers-'));
  cpSync(path.join(root, 'scripts/lint'), path.join(checkout, 'scripts/lint'), { recursive: true });
  cpSync(path.join(root, '.oxlintrc.json'), path.join(checkout, '.oxlintrc.json'));
  symlinkSync(path.join(root, 'node_modules'), path.join(checkout, 'node_modules'));
  for (const [file, code] of [...forbidden, ...allowed]) {
    mkdirSync(path.dirname(path.join(checkout, file)), { recursive: true });
    writeFileSync(path.join(checkout, file), `${code}\n`);
  }
  const oxlint = path.join(root, 'node_modules/.bin/oxlint');
  const { stdout } = spawnSync(oxlint, ['--format=json', 'src'], { cwd: checkout, encoding: 'utf8' });
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] };
  reported = new Set(diagnostics.filter(({ code }) => code === 'forkpoint(layers)').map(({ filename }) => filename));
});

afterAll(() => rmSync(checkout, { recursive: true, force: true }));

describe('the layers rule', () => {
  test.each(forbidden)('refuses in %s: %s', (file) => expect(reported).toContain(file));
  test.each(allowed)('allows in %s: %s', (file) => expect(reported).not.toContain(file));
});
