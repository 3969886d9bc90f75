import type { DataConverter } from '@temporalio/common';
import type { TemporalSettings } from '../temporalSettings.ts';
import { createPayloadCodec } from './createPayloadCodec.ts';
import { keysNowOf } from './encryptionKeys.ts';

/** The codec of the settings' keys. Its calls reject with a BadInputError for keys that can't be used. */
export function dataConverterOf(settings: Pick<TemporalSettings, 'encryption'>): DataConverter {
  return { payloadCodecs: [createPayloadCodec(keysNowOf(settings))] };
}
