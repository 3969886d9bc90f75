/**
 * The proxy for an address by the standard variables, null for none: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, in
 * small letters, too, as curl has them.
 */
export function proxyOf(url: URL, env: NodeJS.ProcessEnv): URL | null {
  const named = (name: string): string => env[name.toLowerCase()] || env[name] || '';
  if (exempt(url, named('NO_PROXY'))) return null;
  const proxy = named(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') || named('ALL_PROXY');
  if (proxy === '') return null;
  const text = /^[a-z][a-z\d+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  return URL.canParse(text) ? new URL(text) : null;
}

function exempt({ hostname, port, protocol }: URL, list: string): boolean {
  const ownPort = port || (protocol === 'https:' ? '443' : '80');
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = '', onPort] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry) ?? [];
      if (onPort !== undefined && onPort !== ownPort) return false;
      return hostname === name || hostname.endsWith(`.${name}`);
    });
}
