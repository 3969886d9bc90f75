import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pins } from '../../scripts/tools/toolsFolder.ts';
import { withLock } from '../../src/adapters/fileLock.ts';
import { freePort } from '../../src/adapters/freePort.ts';
import { proxiedFetch } from '../../src/adapters/proxiedFetch.ts';
import type { CliRelease } from '../../src/orchestration/temporal/cliDownload/cliRelease.ts';
import { installCli } from '../../src/orchestration/temporal/cliDownload/installCli.ts';
import { findTemporalCli } from '../../src/orchestration/temporal/findTemporalCli.ts';
import { createTemporalControl } from '../../src/orchestration/temporal/temporalControl.ts';
import { archiveOf, checksumsOf, cliName, releaseAt, releaseServer } from '../support/cliRelease.ts';

const run = promisify(execFile);

let home: string;
const servers: Server[] = [];
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'forkpoint-download-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await rm(home, { recursive: true });
});

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const release = (base: string): CliRelease => releaseAt(base, home);

/** Serves a release: the archive is fetched from where it redirects to, as on GitHub. */
async function serve(archive: Buffer, checksums?: string): Promise<CliRelease> {
  const files = await listen((_request, response) => response.end(archive));
  const sums = checksums ?? checksumsOf(archive, release('http://x').archive);
  return release(await listen(releaseServer(sums, `${files}/blob`)));
}

const install = async (from: CliRelease, env: NodeJS.ProcessEnv = {}, signal = new AbortController().signal) =>
  installCli(from, { fetch: (await proxiedFetch(env)) ?? fetch, signal, withLock });
/** What stands in our folder for the server. */
const left = async () =>
  (await readdir(path.join(home, 'temporal')).catch(() => [])).filter((file) => !file.endsWith('.lock'));

describe('downloading the Temporal CLI', () => {
  it('leaves a program that is found from then on', async () => {
    const from = await serve(await archiveOf('#!/bin/sh\necho "temporal here"\n', home));
    const seen: [number, number | null][] = [];
    const signal = new AbortController().signal;
    const program = await installCli(from, {
      withLock,
      fetch,
      signal,
      onProgress: (bytes, total) => seen.push([bytes, total]),
    });
    expect((await run(program)).stdout).toBe('temporal here\n');
    expect(seen.at(-1)?.[0]).toBeGreaterThan(0);
    expect(await readdir(from.folder)).toEqual([cliName]);
    expect(await left()).toEqual([path.basename(from.folder)]);
    const env = { PATH: '', FORKPOINT_TOOLS: path.join(home, 'none') };
    expect(await findTemporalCli(undefined, env, home)).toBe(program);
    // Another one asks nobody.
    for (const server of servers) server.close();
    expect(await install(from)).toBe(program);
  });

  it('refuses another checksum, a missing one and what is no archive, and leaves nothing', async () => {
    const archive = await archiveOf('#!/bin/sh\n', home);
    const file = release('http://x').archive;
    for (const [from, why] of [
      [await serve(archive, `${'a'.repeat(64)}  ${file}\n`), /its checksum is not the one that was published/],
      [await serve(archive, 'nothing here\n'), /has no checksum of it/],
      [await serve(Buffer.from('no archive')), /can't be unpacked/],
    ] as const) {
      await expect(install(from)).rejects.toMatchObject({
        code: 'engine_unavailable',
        message: expect.stringMatching(why),
      });
      expect(await left()).toEqual([]);
    }
  });

  it('leaves nothing where it breaks off, is cancelled or was killed, and can be tried again', async () => {
    const archive = await archiveOf(`#!/bin/sh\n# ${'x'.repeat(10_000)}\n`, home);
    const half = await listen((request, response) => {
      if (request.url?.endsWith('checksums.txt'))
        return void response.end(checksumsOf(archive, release('http://x').archive));
      response.writeHead(200, { 'content-length': archive.length });
      response.write(archive.subarray(0, 50), () => response.destroy());
    });
    await expect(install(release(half))).rejects.toMatchObject({ message: expect.stringContaining('broke off') });
    expect(await left()).toEqual([]);

    const stop = new AbortController();
    const endless = await listen((request, response) => {
      if (request.url?.endsWith('checksums.txt'))
        return void response.end(checksumsOf(archive, release('http://x').archive));
      response.writeHead(200, { 'content-length': archive.length });
      response.write(archive.subarray(0, 50), () => stop.abort(new Error('A person has cancelled.')));
    });
    await expect(install(release(endless), {}, stop.signal)).rejects.toThrow('A person has cancelled.');
    expect(await left()).toEqual([]);

    const from = await serve(archive);
    await install({ ...from, folder: `${from.folder}.partial-0` }).catch(() => undefined);
    expect(await left()).not.toEqual([]);
    await install(from);
    expect(await left()).toEqual([path.basename(from.folder)]);
  });

  it('takes nothing without TLS from elsewhere, and says what it could not get', async () => {
    await expect(install(release('http://elsewhere.invalid'))).rejects.toMatchObject({
      message: expect.stringContaining('not served over TLS'),
    });
    const gone = await listen((_request, response) => response.writeHead(404).end());
    await expect(install(release(gone))).rejects.toMatchObject({
      message: expect.stringContaining('The answer was 404'),
      hint: expect.stringContaining('HTTPS_PROXY'),
    });
  });

  it('goes through the proxy that the environment names', async () => {
    const from = await serve(await archiveOf('#!/bin/sh\n', home));
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`);
      void fetch(request.url ?? '').then(async (answer) => response.end(Buffer.from(await answer.arrayBuffer())));
    });
    proxy.on('connect', (request, socket) => {
      asked.push(`CONNECT ${request.url}`);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    servers.push(proxy);
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = `http://sam:secret@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await install(from, { HTTP_PROXY: address });
    const login = `Basic ${Buffer.from('sam:secret').toString('base64')}`;
    expect(asked).toEqual([`GET ${from.checksumsUrl} ${login}`, `GET ${from.archiveUrl} ${login}`]);

    await rm(from.folder, { recursive: true });
    await expect(install(release('https://elsewhere.invalid'), { HTTPS_PROXY: address })).rejects.toMatchObject({
      message: expect.stringMatching(/can't be downloaded: Proxy response \(403\)/),
    });
    expect(asked.at(-1)).toBe('CONNECT elsewhere.invalid:443');
  });
});

it('takes the version that all other tests run on', () => {
  expect(release('http://x').version).toBe(pins.temporal.version);
});

describe('the offer to download it', () => {
  const control = async (env: NodeJS.ProcessEnv) =>
    createTemporalControl({
      home,
      withLock,
      address: `127.0.0.1:${await freePort()}`,
      taskQueue: 'download',
      env: { PATH: '', FORKPOINT_TOOLS: path.join(home, 'none'), ...env },
      workerScript: path.join(home, 'worker.js'),
      apiKey: async () => undefined,
    });

  it('names version, host, size and folder, and what else would do', async () => {
    const offered = await control({});
    expect(await offered.cliOffer()).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      host: 'github.com',
      megabytes: expect.any(Number),
      folder: expect.stringContaining(home),
      otherWays: [expect.stringMatching(/brew|winget/), 'https://docs.temporal.io/cli'],
    });
    await expect(offered.startServer()).rejects.toMatchObject({ hint: expect.stringContaining('--download') });
  });

  it('is made where none is there, not where a wrong one is named', async () => {
    const { host } = new URL((await serve(await archiveOf('#!/bin/sh\n', home))).archiveUrl);
    const offered = await control({ FORKPOINT_TEMPORAL_DOWNLOAD: `http://${host}` });
    expect((await offered.cliOffer())?.host).toBe(host);
    await offered.installCli({ signal: new AbortController().signal });
    expect(await offered.cliOffer()).toBeNull();
    expect(await (await control({ TEMPORAL_CLI: path.join(home, 'wrong') })).cliOffer()).toBeNull();
  });
});
