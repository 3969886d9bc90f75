import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { toolPath } from '../../scripts/tools.ts';
import { freePort } from '../../src/adapters/freePort.ts';

export interface S3Server {
  /** `s3://…` of its bucket. */
  location: string;
  /** Folder in which the bucket's objects lie as files. */
  bucket: string;
  /** What a client needs in its environment. */
  env: Record<string, string>;
  stop(): Promise<void>;
}

/** A real S3 server on 127.0.0.1 with one bucket, its data in a temporary folder. It checks signatures. */
export async function startS3Server(): Promise<S3Server> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-s3-'));
  const [data, sidecar] = [path.join(folder, 'data'), path.join(folder, 'sidecar')];
  const bucket = path.join(data, 'forkpoint-test');
  await mkdir(bucket, { recursive: true });
  await mkdir(sidecar);
  const port = await freePort();
  const [access, secret] = ['test-access', 'test-secret-of-the-store'];
  // Not every file system of temporary folders takes the attributes that it would keep otherwise.
  const args = ['--quiet', '--port', `127.0.0.1:${port}`, 'posix', '--sidecar', sidecar, data];
  const child = spawn(toolPath('s3-server'), args, {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, HOME: folder, ROOT_ACCESS_KEY: access, ROOT_SECRET_KEY: secret },
  });
  await untilItListens(port, child);
  return {
    location: 's3://forkpoint-test/runs-of/tests',
    bucket,
    env: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: access,
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_REGION: 'us-east-1',
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function untilItListens(port: number, child: ChildProcess): Promise<void> {
  for (let look = 0; look < 300; look += 1) {
    if (child.exitCode !== null) throw new Error(`The S3 server ended with ${child.exitCode}.`);
    const listens = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (listens) return;
    await delay(100);
  }
  child.kill();
  throw new Error('The S3 server does not listen.');
}
