import { BadInputError } from '../../../core/errors.ts';
import type { CodecServer } from '../../../core/run/temporalControl.ts';
import type { TemporalSettings } from '../temporalSettings.ts';
import { createPayloadCodec } from './createPayloadCodec.ts';
import { encryptionKeysOf } from './encryptionKeys.ts';
import { startCodecServer } from './startCodecServer.ts';

/** Where the dev server has its web UI. */
const defaultUi = 'http://127.0.0.1:8233';

/**
 * The codec server of these settings.
 * @param ui address of the web UI, null where none is known
 * @throws BadInputError where no key is set, or the origin is none
 */
export async function serveCodec(
  { encryption }: Pick<TemporalSettings, 'encryption'>,
  { ui, port = 0 }: { ui: string | null; port?: number },
): Promise<CodecServer> {
  const settings = (await encryption?.()) ?? null;
  if (settings === null) {
    throw new BadInputError(
      'No encryption key is set, so there is nothing to decode with.',
      'Set FORKPOINT_ENCRYPTION_KEY to the key that runs are encrypted with. `openssl rand -base64 32` makes one.',
    );
  }
  const keys = encryptionKeysOf(settings);
  return startCodecServer({ codec: createPayloadCodec(async () => keys), origins: originsOf(ui ?? defaultUi), port });
}

/** A page on this machine has the origin that was typed: `localhost` and `127.0.0.1` are two origins. */
function originsOf(ui: string): string[] {
  const url = URL.canParse(ui) ? new URL(ui) : null;
  if (url === null || url.origin === 'null') {
    throw new BadInputError(`${ui} is no origin of a web page.`, `Write for example --ui ${defaultUi}.`);
  }
  const names = ['127.0.0.1', 'localhost'];
  if (!names.includes(url.hostname)) return [url.origin];
  return names.map((name) => `${url.protocol}//${name}${url.port === '' ? '' : `:${url.port}`}`);
}
