import type { Tracer } from '../../core/tracer.ts';

type Fetch = typeof globalThis.fetch;

/** A `fetch` whose requests are spans, up to the reply's head. The span's context is not sent along. */
export function tracedFetch(fetch: Fetch, tracer: Tracer): Fetch {
  return (input, init) => {
    const { host, pathname } = new URL(input instanceof Request ? input.url : input);
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
    const facts = { 'http.request.method': method, 'server.address': host, 'url.path': pathname };
    return tracer.span(`HTTP ${method}`, facts, async (span) => {
      const response = await fetch(input, init);
      span.note({ 'http.response.status_code': response.status });
      return response;
    });
  };
}
