import type { DataConverter } from '@temporalio/common';
import type { TemporalSettings } from '../temporalSettings.ts';
import { createPayloadCodec } from './createPayloadCodec.ts';
import { encryptionKeysOf } from './encryptionKeys.ts';

/** The codec of the settings' keys. Its calls reject with a BadInputError for keys that can't be used. */
export function dataConverterOf({ encryption }: Pick<TemporalSettings, 'encryption'>): DataConverter {
  const keysNow = async () => {
    const settings = (await encryption?.()) ?? null;
    return settings === null ? null : encryptionKeysOf(settings);
  };
  return { payloadCodecs: [createPayloadCodec(keysNow)] };
}
