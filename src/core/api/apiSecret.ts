/** What a request is sent with: a key or, as gateways want it, a token. The API takes one of them. */
export interface ApiSecret {
  kind: 'key' | 'token';
  value: string;
  /** Where it came from, in words. */
  from: string;
  /** The variable that holds another one, which is not used. */
  unused: string | null;
}

const keyName = 'ANTHROPIC_API_KEY';
const tokenName = 'ANTHROPIC_AUTH_TOKEN';

/**
 * A key that a person stored with us wins over the environment; of the environment's two the token wins, as in Claude Code:
 * https://code.claude.com/docs/en/authentication. What holds nothing but white space is none.
 */
export function chosenSecret(stored: string | undefined, env: Record<string, string | undefined>): ApiSecret | null {
  const found = [
    secretOf('key', stored, 'the key that you stored'),
    secretOf('token', env[tokenName], tokenName),
    secretOf('key', env[keyName], keyName),
  ].flatMap((secret) => secret ?? []);
  const [first, second] = found;
  return first === undefined ? null : { ...first, unused: second?.from ?? null };
}

function secretOf(kind: ApiSecret['kind'], value: string | undefined, from: string) {
  return value === undefined || value.trim() === '' ? null : { kind, value, from };
}

/** Which secret is used, and which is not, in words: `with ANTHROPIC_AUTH_TOKEN; ANTHROPIC_API_KEY is set, too, and not used`. */
export function secretWords({ from, unused }: Pick<ApiSecret, 'from' | 'unused'>): string {
  return `with ${from}${unused === null ? '' : `; ${unused} is set, too, and not used`}`;
}
