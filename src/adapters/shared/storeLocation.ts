import path from 'node:path';
import { BadInputError } from '../../core/errors.ts';
import { withHome } from '../dataFolders.ts';

/** Where a shared store is. */
export type StoreLocation = { kind: 'folder'; folder: string } | { kind: 's3'; bucket: string; prefix: string };

const hint = 'Give the path of a folder that all workers reach, or s3://bucket/prefix.';

/** @throws BadInputError for what is neither a path nor an `s3://` address */
export function storeLocationOf(text: string): StoreLocation {
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]+):\/\/(.*)$/i.exec(text) ?? [];
  if (scheme === undefined) return { kind: 'folder', folder: path.resolve(withHome(text)) };
  if (scheme.toLowerCase() !== 's3') throw new BadInputError(`${scheme}:// is no kind of store.`, hint);
  const [bucket = '', ...parts] = rest.split('/').filter((part) => part !== '');
  // Credentials would be shown wherever the location is.
  if (/[@?#]/.test(rest)) {
    throw new BadInputError(
      'The address of the store holds more than bucket and prefix.',
      'Set the endpoint and the credentials by AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    );
  }
  if (bucket === '') throw new BadInputError('The address of the store names no bucket.', hint);
  return { kind: 's3', bucket, prefix: parts.join('/') };
}

/** The location in one way of writing, so that equal stores are equal texts. */
export function storeText(location: StoreLocation): string {
  if (location.kind === 'folder') return location.folder;
  return `s3://${[location.bucket, location.prefix].filter((part) => part !== '').join('/')}`;
}
