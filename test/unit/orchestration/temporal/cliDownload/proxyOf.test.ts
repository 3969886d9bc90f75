import { expect, it } from 'vitest';
import { proxyOf } from '../../../../../src/orchestration/temporal/cliDownload/proxyOf.ts';

const proxy = (address: string, env: Record<string, string>) => proxyOf(new URL(address), env)?.href ?? null;

it('takes the standard variables, the small ones first', () => {
  expect(proxy('https://a.example', {})).toBeNull();
  expect(proxy('https://a.example', { HTTP_PROXY: 'http://p:1' })).toBeNull();
  expect(proxy('http://a.example', { HTTP_PROXY: 'http://p:1' })).toBe('http://p:1/');
  expect(proxy('https://a.example', { HTTPS_PROXY: 'p:2', https_proxy: 'http://q:3' })).toBe('http://q:3/');
  expect(proxy('https://a.example', { ALL_PROXY: 'p.example:8080' })).toBe('http://p.example:8080/');
  expect(proxy('https://a.example', { HTTPS_PROXY: 'http://' })).toBeNull();
});

it('leaves out what NO_PROXY names, with everything below it', () => {
  const env = (list: string) => ({ HTTPS_PROXY: 'http://p:1', NO_PROXY: list });
  for (const list of ['*', 'a.example', 'b, .example', 'example', '*.example', 'a.example:443'])
    expect(proxy('https://a.example', env(list)), list).toBeNull();
  for (const list of ['', 'b.example', 'ample', 'a.example:8443', 'a.example.org'])
    expect(proxy('https://a.example', env(list)), list).toBe('http://p:1/');
});
