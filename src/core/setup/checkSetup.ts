import type { FoundAgent, PlaceOption } from '../agent/agentPorts.ts';
import { type ApiSecret, secretWords } from '../api/apiSecret.ts';
import { ForkpointError, messageOf } from '../errors.ts';
import { byteSize, listed, plural } from '../format.ts';
import type { TemporalStatus, TemporalVersions } from '../run/temporalControl.ts';
import type { SetupCheck } from './setupCheck.ts';

/** What a data folder's disk has to offer. */
export interface DiskFacts {
  folder: string;
  /** Null where it isn't known. */
  freeBytes: number | null;
  /** Why nothing can be written there, null where it can. */
  problem: string | null;
}

/** How things are found out. Each may throw: that is a finding, too. */
export interface SetupProbes {
  agent: () => Promise<FoundAgent | null>;
  /** What requests to the API are sent with. */
  secret: () => Promise<Pick<ApiSecret, 'from' | 'unused'> | null>;
  /** Host that requests go to. */
  apiHost: string;
  /** Kinds of place for the project that is looked at, best first; null where none is open. */
  places: () => Promise<PlaceOption[] | null>;
  temporal: () => Promise<TemporalStatus>;
  /** The Temporal CLI that a dev server would be started with. @throws ForkpointError where there is none */
  temporalCli: () => Promise<string>;
  /** Schedules that are not paused, by name. Asked only where the server answers. */
  activeSchedules: () => Promise<string[]>;
  /** This build brings a worker for this machine. */
  hasWorker: () => boolean;
  /** Id of the key that payloads are encrypted with, null where they are not. @throws ForkpointError for keys that can't be used */
  encryptionKeyId: () => Promise<string | null>;
  /** Writes to the shared store and gives where it is; null where there is none. @throws StorageError, EncryptionError */
  store: (() => Promise<string>) | null;
  disk: () => Promise<DiskFacts>;
  /** Programs and their versions: Forkpoint, Node, the editor. */
  versions: Readonly<Record<string, string>>;
  /** Runs go to Temporal unless somebody says otherwise. */
  temporalIsDefault: boolean;
}

type Finding = Pick<SetupCheck, 'ok' | 'detail' | 'hint'>;

/** So little room makes runs fail in their middle. */
const leastFreeBytes = 500_000_000;
/** Of `engines` in package.json. */
const leastNode = 20;

const fine = (detail: string): Finding => ({ ok: true, detail, hint: null });
const lacking = (detail: string, hint: string): Finding => ({ ok: false, detail, hint });

/** Looks at everything that Forkpoint works with. Never throws, and shows no key. */
export async function checkSetup(probes: SetupProbes): Promise<SetupCheck[]> {
  const secret = await probes.secret().catch(() => null);
  const { temporalIsDefault, store } = probes;
  return Promise.all([
    // The default way: the API where a key is set, else Claude Code.
    check('claude', secret === null, async () => ofAgent(await probes.agent())),
    check('key', false, async () => ofKey(secret, probes.apiHost)),
    check('places', false, async () => ofPlaces(await probes.places())),
    check('temporal server', temporalIsDefault, () => ofServer(probes)),
    check('worker', temporalIsDefault, () => ofWorker(probes)),
    check('versions', true, async () => ofVersions(probes.versions)),
    check('codec', temporalIsDefault, async () => ofCodec(await probes.encryptionKeyId())),
    ...(store === null
      ? []
      : [check('store', temporalIsDefault, async () => fine(`Shared with other machines: ${await store()}.`))]),
    check('disk', true, async () => ofDisk(await probes.disk())),
  ]);
}

async function check(name: string, needed: boolean, find: () => Promise<Finding>): Promise<SetupCheck> {
  try {
    return { name, needed, ...(await find()) };
  } catch (error) {
    const hint = error instanceof ForkpointError ? error.hint : 'Look into the log, and report what it says.';
    return { name, needed, ...lacking(messageOf(error), hint) };
  }
}

function ofAgent(found: FoundAgent | null): Finding {
  if (found === null) {
    return lacking(
      'Claude Code was not found.',
      'Install it, or name it in forkpoint.claudePath, --claude or FORKPOINT_CLAUDE.',
    );
  }
  const { program, version, from, login } = found;
  const detail = `Claude Code ${version ?? 'of unknown version'}, ${program} (${from === 'setting' ? 'named in a setting, --claude or FORKPOINT_CLAUDE' : from}), ${login ?? 'login unknown'}.`;
  return login === 'not logged in' ? lacking(detail, 'Run `claude` and log in there.') : fine(detail);
}

function ofKey(secret: Awaited<ReturnType<SetupProbes['secret']>>, apiHost: string): Finding {
  if (secret !== null) return fine(`Requests go to ${apiHost} ${secretWords(secret)}.`);
  const hint = 'Set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN, or in the editor run “Forkpoint: Set API Key”.';
  return lacking('No API key is set, so only Claude Code and the demo can answer.', hint);
}

function ofPlaces(options: readonly PlaceOption[] | null): Finding {
  if (options === null) return fine('No project is open to look at.');
  const best = options.find(({ available }) => available);
  const others = options.filter(({ available }) => !available).map(({ kind, detail }) => `${kind}: ${detail}`);
  if (best === undefined) return lacking('No place for agents can be had here.', others.join(' '));
  return fine([`${best.kind}: ${best.detail}`, ...others.map((why) => `No ${why}`)].join(' '));
}

async function ofServer({ temporal, temporalCli }: SetupProbes): Promise<Finding> {
  const { server } = await temporal();
  if (server.state === 'running') {
    return fine(`Running on ${server.address}${server.managed ? ', started by Forkpoint' : ''}.`);
  }
  const start =
    'Start it with “Forkpoint: Start Temporal Dev Server” or `forkpoint temporal start`. Schedules fire once it runs and a worker is there (`forkpoint worker`).';
  if (server.state === 'starting') return lacking(`Starting on ${server.address}.`, 'Look again in a moment.');
  const cli = await temporalCli();
  return lacking(`Not running on ${server.address}. It would be started with ${cli}.`, start);
}

async function ofWorker({ temporal, hasWorker, activeSchedules }: SetupProbes): Promise<Finding> {
  const { server, workers, versions } = await temporal();
  if (workers.length > 0) {
    const found = `${plural(workers.length, 'worker')}: ${workers.map(workerWords).join(', ')}.`;
    return fine([found, ...(versions ? [versionWords(versions)] : [])].join(' '));
  }
  const schedules = server.state === 'running' ? await activeSchedules() : [];
  if (schedules.length > 0) {
    const waits = `what ${listed(schedules, 'and')} fires waits for one`;
    return lacking(`None is running: ${waits}.`, 'Start one with `forkpoint worker`.');
  }
  if (hasWorker()) return fine('None is running; the first run on Temporal starts one.');
  const hint = 'Install the build for your platform, or start a worker elsewhere with `forkpoint worker`.';
  return lacking('This build brings no worker for this machine.', hint);
}

function workerWords({ pid, state, taskQueue }: TemporalStatus['workers'][number]): string {
  return `${pid === null ? 'elsewhere' : `process ${pid}`} ${state} on ${taskQueue}`;
}

function versionWords({ current, ramping, rampingPercent }: TemporalVersions): string {
  const main = current === null ? 'workers without a version' : `version ${current}`;
  return ramping === null
    ? `New runs go to ${main}.`
    : `${rampingPercent} % of new runs go to version ${ramping}, the others to ${main}.`;
}

function ofVersions(versions: Readonly<Record<string, string>>): Finding {
  const detail = `${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}.`;
  const major = Number(/^v?(\d+)/.exec(versions['Node'] ?? '')?.[1] ?? leastNode);
  return major >= leastNode ? fine(detail) : lacking(detail, `Use Node ${leastNode} or later.`);
}

function ofCodec(keyId: string | null): Finding {
  if (keyId !== null) return fine(`Payloads on Temporal are encrypted with the key ${keyId}.`);
  return fine(
    'Payloads on Temporal are not encrypted: no key is set. They hold titles, ids and references, no transcripts.',
  );
}

function ofDisk({ folder, freeBytes, problem }: DiskFacts): Finding {
  const elsewhere = 'Name another folder in forkpoint.dataDir or FORKPOINT_HOME.';
  if (problem !== null) return lacking(`Nothing can be written to ${folder}: ${problem}`, elsewhere);
  const free = freeBytes === null ? 'room unknown' : `${byteSize(freeBytes)} free`;
  const detail = `${folder}, ${free}.`;
  const full = freeBytes !== null && freeBytes < leastFreeBytes;
  return full
    ? lacking(detail, `Make room, or remove places with \`forkpoint places prune\`. ${elsewhere}`)
    : fine(detail);
}
