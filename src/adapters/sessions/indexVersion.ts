import zlib from 'node:zlib';
import { tableText } from '../../core/session/recordTable.ts';

/**
 * Version of an index of what records say: another one for each table of fields, so that an old index is made anew.
 * @param meaning to be raised where what is kept changes by anything but the table
 */
export function indexVersion(meaning: number): number {
  // SQLite keeps it in 31 bits.
  return zlib.crc32(`${meaning} ${tableText}`) >>> 1;
}
