import * as vscode from 'vscode';
import * as z from 'zod';
import { type EngineKind, engineKindSchema } from '../core/fork/runChoices.ts';
import { type AgentDefaults, checksOf } from './agentDefaults.ts';
import type { ReplaceableServices } from './replaceableServices.ts';
import type { RunList } from './runTree/runList.ts';
import { isUnderWay } from './runTree/runNodes.ts';

const price = z.number().nonnegative();
const priceSchema = z.object({ input: price, output: price, cacheRead: price, cacheWrite: price });

/** The settings `forkpoint.*`, each read when it is asked for. Texts that are empty count as not set. */
export const settings = {
  /** Config folders of Claude Code; empty for the default. */
  claudeDirs: (): string[] => texts('claudeDirs'),
  /** Is a session that is forked or replayed kept? */
  keepForkedSessions: (): boolean => value('keepForkedSessions') !== false,
  dataDir: (): string | undefined => text('dataDir'),
  apiBaseUrl: (): string | undefined => text('apiBaseUrl'),
  engine: (): EngineKind => engineKindSchema.catch('in-process').parse(value('engine')),
  /** Branches that run at once, 1 to 32. */
  concurrency: (): number => Math.min(32, Math.max(1, Math.floor(number('concurrency', 4)))),
  /** Calls of one model at once over all windows; null for any number. */
  callsPerModel: (): number | null => Math.max(0, Math.floor(number('callsPerModel', 0))) || null,
  models: (): string[] => texts('models'),
  /** US dollars for a million tokens by model id; entries that are not prices are left out. */
  prices: (): Record<string, z.infer<typeof priceSchema>> => {
    const given = z.record(z.string(), z.unknown()).catch({}).parse(value('prices'));
    return Object.fromEntries(
      Object.entries(given).flatMap(([model, price]) => {
        const parsed = priceSchema.safeParse(price);
        return parsed.success ? [[model, parsed.data]] : [];
      }),
    );
  },
  /** US dollars; a run whose upper estimate lies above is asked for once more. */
  confirmCostAbove: (): number => number('confirmCostAbove', 5),
  /** The Claude Code program to use; undefined to look for it. */
  claudePath: (): string | undefined => text('claudePath'),
  /** How branches that Claude Code answers begin. */
  agents: (): AgentDefaults => ({
    checks: checksOf(value('checks')),
    setup: texts('setup'),
    teardown: texts('teardown'),
    include: texts('places.include'),
    concurrency: Math.min(32, Math.max(1, Math.floor(number('agents.concurrency', 2)))),
    permissions: value('agents.permissions') === 'deny' ? 'deny' : 'ask',
  }),
  /** Variables that name the proxy of `http.proxy` to a process that we start; extensions get it from VS Code itself. */
  proxyVariables: (): NodeJS.ProcessEnv => {
    const http = vscode.workspace.getConfiguration('http');
    if (http.get('proxySupport') === 'off') return {};
    const proxy = http.get<string>('proxy')?.trim() ?? '';
    const without = http.get<string[]>('noProxy') ?? [];
    return {
      ...(proxy !== '' && bothCases({ HTTPS_PROXY: proxy, HTTP_PROXY: proxy })),
      ...(without.length > 0 && bothCases({ NO_PROXY: without.join(',') })),
      ...(http.get('systemCertificates') !== false && { NODE_USE_SYSTEM_CA: '1' }),
      ...(http.get('proxyStrictSSL') === false && { NODE_TLS_REJECT_UNAUTHORIZED: '0' }),
    };
  },
  /** How answers of earlier runs are used. */
  cache: () => ({
    enabled: value('cache.enabled') === true,
    maxAgeDays: Math.max(1, number('cache.maxAgeDays', 30)),
    maxMegabytes: Math.max(0, number('cache.maxSizeMb', 500)),
  }),
  temporalAddress: (): string | undefined => text('temporal.address'),
  temporalNamespace: (): string | undefined => text('temporal.namespace'),
  temporalProfile: (): string | undefined => text('temporal.profile'),
  temporalTaskQueue: (): string | undefined => text('temporal.taskQueue'),
  temporalMetrics: (): string | undefined => text('temporal.metrics'),
  temporalStore: (): string | undefined => text('temporal.store'),
  temporalCliPath: (): string | undefined => text('temporal.cliPath'),
};

/** Settings that the services are made with. */
const ofServices = [
  'claudeDirs',
  'claudePath',
  'dataDir',
  'apiBaseUrl',
  'concurrency',
  'callsPerModel',
  'prices',
  'temporal',
];

/** Makes the services anew when such a setting changes, but not under a run that this window drives. */
export function followServiceSettings(services: ReplaceableServices, runs: RunList): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration(async (change) => {
    const own = ofServices.some((name) => change.affectsConfiguration(`forkpoint.${name}`));
    if (!own && !change.affectsConfiguration('http')) return;
    const driven = runs.runs.some(({ state, engine }) => isUnderWay(state) && engine === 'in-process');
    if (!driven) {
      await services.replace();
      return;
    }
    const reload = 'Reload Window';
    const message = 'Runs are under way, so the changed setting counts after the window was reloaded.';
    if ((await vscode.window.showInformationMessage(message, reload)) === reload) {
      await vscode.commands.executeCommand('workbench.action.reloadWindow');
    }
  });
}

function value(name: string): unknown {
  return vscode.workspace.getConfiguration('forkpoint').get<unknown>(name);
}

function text(name: string): string | undefined {
  const given = value(name);
  return typeof given === 'string' && given.trim() !== '' ? given.trim() : undefined;
}

function texts(name: string): string[] {
  const given = value(name);
  return Array.isArray(given) ? given.filter((item) => typeof item === 'string' && item.trim() !== '') : [];
}

function number(name: string, fallback: number): number {
  const given = value(name);
  return typeof given === 'number' && Number.isFinite(given) ? given : fallback;
}

/** What was set in either case before counts no more. */
function bothCases(variables: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => [
      [name, value],
      [name.toLowerCase(), value],
    ]),
  );
}

/** Where Claude Code's own extension lies, which brings a Claude Code; empty where it isn't installed. */
export function claudeCodeFolders(): string[] {
  const extension = vscode.extensions.getExtension('anthropic.claude-code');
  return extension === undefined ? [] : [extension.extensionPath];
}
