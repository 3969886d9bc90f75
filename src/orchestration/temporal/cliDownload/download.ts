import { causesOf, EngineUnavailableError, messageOf } from '../../../core/errors.ts';

const maxRedirects = 5;

export interface DownloadOptions {
  /** Goes through the proxies that the environment names. */
  fetch: typeof globalThis.fetch;
  signal: AbortSignal;
}

/**
 * Asks for a file: over TLS, or from this very machine. Redirects are followed.
 * @throws EngineUnavailableError where it can't be had, or the signal's reason
 */
export async function download(address: string, { fetch, signal }: DownloadOptions): Promise<Response> {
  let url = new URL(address);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    if (url.protocol !== 'https:' && url.hostname !== '127.0.0.1') throw unreachable(url, 'It is not served over TLS.');
    // Redirects are followed here, for each address must be checked.
    const response = await fetch(url, { redirect: 'manual', signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw unreachable(url, reasonOf(error), error);
    });
    const { ok, status, headers } = response;
    if (ok) return response;
    await response.body?.cancel();
    const location = headers.get('location');
    if (status < 300 || status >= 400 || location === null) throw unreachable(url, `The answer was ${status}.`);
    url = new URL(location, url);
  }
  throw unreachable(url, 'It leads on and on.');
}

/** `fetch` says no more than that it failed; its innermost cause says why. */
function reasonOf(error: unknown): string {
  return messageOf([...causesOf(error)].at(-1) ?? error);
}

function unreachable(url: URL, why: string, cause?: unknown): EngineUnavailableError {
  return new EngineUnavailableError(
    `${url.origin}${url.pathname} can't be downloaded: ${why}`,
    'Check the network and HTTPS_PROXY, or install the Temporal CLI by hand: https://docs.temporal.io/cli.',
    undefined,
    { cause },
  );
}
