import { BadInputError } from '../core/errors.ts';

type Fetch = typeof globalThis.fetch;

/** Proxies as the environment names them: lower case goes first, as with curl. */
interface Proxies {
  httpProxy: string;
  httpsProxy: string;
  noProxy: string;
}

/**
 * @returns null where the environment names no proxy
 * @throws BadInputError for what is no address of an HTTP proxy
 */
export function proxiesOf(env: NodeJS.ProcessEnv): Proxies | null {
  const value = (name: string): string => (env[name.toLowerCase()] || env[name] || '').trim();
  const all = value('ALL_PROXY');
  const httpProxy = addressOf(value('HTTP_PROXY') || all, 'HTTP_PROXY');
  const httpsProxy = addressOf(value('HTTPS_PROXY') || all, 'HTTPS_PROXY');
  return httpProxy === '' && httpsProxy === '' ? null : { httpProxy, httpsProxy, noProxy: value('NO_PROXY') };
}

/** @throws BadInputError for what is no address of an HTTP proxy */
function addressOf(given: string, name: string): string {
  if (given === '') return '';
  const address = given.includes('://') ? given : `http://${given}`;
  if (URL.canParse(address) && /^https?:/i.test(address)) return address;
  // Not the value: it may hold a password.
  throw new BadInputError(`${name} is no address of an HTTP proxy.`, 'Write it like http://proxy.example:3128.', {
    path: name,
  });
}

/**
 * A `fetch` that goes through the proxies which `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name. Node's own looks at
 * none of them.
 * @returns undefined where no proxy is named
 * @throws BadInputError
 */
export async function proxiedFetch(env: NodeJS.ProcessEnv): Promise<Fetch | undefined> {
  const proxies = proxiesOf(env);
  if (proxies === null) return undefined;
  const { throughProxy } = await import('./throughProxy.ts');
  return throughProxy(proxies);
}
