import path from 'node:path';
import { expect, it } from 'vitest';
import { storeLocationOf, storeText } from '../../../../src/adapters/shared/storeLocation.ts';

const written = (text: string): string => storeText(storeLocationOf(text));

it('is one text for one store, however it was written', () => {
  expect(written('/mnt/team/')).toBe(path.resolve('/mnt/team'));
  expect(written('s3://bucket')).toBe('s3://bucket');
  expect(written('S3://bucket//some/prefix/')).toBe('s3://bucket/some/prefix');
});

it('refuses what is no store, and what would show a credential', () => {
  for (const text of ['s3://', 'https://bucket.test/x', 's3://key:secret@bucket/x', 's3://bucket/x?key=1']) {
    expect(() => storeLocationOf(text), text).toThrow(expect.objectContaining({ code: 'bad_input' }));
  }
  expect(() => storeLocationOf('s3://key:secret@bucket/x')).toThrow(/^(?!.*secret)/);
});
