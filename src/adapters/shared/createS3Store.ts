import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { messageOf, StorageError } from '../../core/errors.ts';
import type { SharedStore } from '../../core/sharedStore.ts';
import { checkedName } from './objectName.ts';
import { type StoreLocation, storeText } from './storeLocation.ts';

/** What one request deletes at most, by S3's own rule. */
const deletedAtOnce = 1_000;

/**
 * A bucket of S3 or of what speaks its protocol. Endpoint, region and credentials come by the AWS SDK's own rules: the standard
 * variables, else its configuration files. The server has to honour `If-None-Match: *`.
 */
export function createS3Store(location: Extract<StoreLocation, { kind: 's3' }>): SharedStore {
  return new S3Store(location);
}

class S3Store implements SharedStore {
  readonly location: string;
  readonly pollMs = 500;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #client: S3Client;
  #honoursConditions: Promise<void> | null = null;

  constructor(location: Extract<StoreLocation, { kind: 's3' }>) {
    this.location = storeText(location);
    this.#bucket = location.bucket;
    this.#prefix = location.prefix === '' ? '' : `${location.prefix}/`;
    const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
    const endpoint = AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL;
    const region = AWS_REGION || AWS_DEFAULT_REGION || (endpoint ? 'us-east-1' : undefined);
    this.#client = new S3Client({
      ...(region !== undefined && { region }),
      // Servers at an address of one's own have no name for each bucket, and know no newer checksums.
      ...(endpoint && {
        endpoint,
        forcePathStyle: true,
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
      }),
    });
  }

  async get(name: string): Promise<Uint8Array | null> {
    try {
      const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: this.#keyOf(name) }));
      return (await Body?.transformToByteArray()) ?? new Uint8Array();
    } catch (error) {
      if (error instanceof NoSuchKey) return null;
      throw this.#error(`Can't read ${name}`, error);
    }
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.#put(name, bytes).catch((error: unknown) => {
      throw this.#error(`Can't write ${name}`, error);
    });
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    await this.#checkConditions();
    return this.#create(name, bytes);
  }

  async list(prefix: string, after = ''): Promise<string[]> {
    const names: string[] = [];
    let more: string | undefined;
    try {
      do {
        const { Contents = [], NextContinuationToken } = await this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: `${this.#prefix}${prefix}`,
            ...(after !== '' && { StartAfter: this.#keyOf(after) }),
            ContinuationToken: more,
          }),
        );
        for (const { Key = '' } of Contents) names.push(Key.slice(this.#prefix.length));
        more = NextContinuationToken;
      } while (more !== undefined);
    } catch (error) {
      throw this.#error(`Can't list ${prefix}`, error);
    }
    return names;
  }

  async deleteAll(prefix: string): Promise<void> {
    const names = await this.list(checkedName(prefix));
    for (let from = 0; from < names.length; from += deletedAtOnce) {
      const Objects = names.slice(from, from + deletedAtOnce).map((name) => ({ Key: this.#keyOf(name) }));
      await this.#client
        .send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } }))
        .catch((error: unknown) => {
          throw this.#error(`Can't delete ${prefix}`, error);
        });
    }
  }

  async #create(name: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#put(name, bytes, { IfNoneMatch: '*' });
      return true;
    } catch (error) {
      const { httpStatusCode: status, attempts = 1 } = error instanceof S3ServiceException ? error.$metadata : {};
      // The client sends a request again whose answer was lost, and then finds what it has written itself.
      if (status === 412) return attempts > 1 && Buffer.from(bytes).equals((await this.get(name)) ?? Buffer.alloc(0));
      // Somebody writes the same object in this moment.
      if (status === 409) return this.#create(name, bytes);
      throw this.#error(`Can't write ${name}`, error);
    }
  }

  #put(name: string, Body: Uint8Array, condition: { IfNoneMatch?: '*' } = {}): Promise<unknown> {
    const Key = this.#keyOf(name);
    return this.#client.send(new PutObjectCommand({ Bucket: this.#bucket, Key, Body, ...condition }));
  }

  /** A server that ignores the condition would let two workers overwrite each other's events. */
  #checkConditions(): Promise<void> {
    this.#honoursConditions ??= (async () => {
      const name = 'condition.json';
      await this.#create(name, Buffer.from('{}\n'));
      if (!(await this.#create(name, Buffer.from('{}\n')))) return;
      throw new StorageError(
        `The server of ${this.location} ignores the condition If-None-Match: several workers would overwrite each other’s events.`,
        'Use a server that honours it, as AWS, MinIO and Ceph do, or a shared folder.',
      );
    })();
    this.#honoursConditions.catch(() => {
      this.#honoursConditions = null;
    });
    return this.#honoursConditions;
  }

  #keyOf(name: string): string {
    return `${this.#prefix}${checkedName(name)}`;
  }

  #error(what: string, cause: unknown): StorageError {
    const hint =
      'Check AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that the bucket is there.';
    // The client's own error holds the request with its signature and the connection: too much for a log.
    const { name, $metadata } = cause instanceof S3ServiceException ? cause : { name: null, $metadata: null };
    const details = { name, status: $metadata?.httpStatusCode ?? null };
    return new StorageError(`${what} in ${this.location}: ${messageOf(cause)}`, hint, details);
  }
}
