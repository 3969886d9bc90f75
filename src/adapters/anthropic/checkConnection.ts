import { BadInputError } from '../../core/errors.ts';

const addressHint =
  'Write it like https://api.anthropic.com, with nothing around it (ANTHROPIC_BASE_URL, or the setting forkpoint.apiBaseUrl).';

/**
 * The address of the API, without white space around it.
 * @throws BadInputError for what is no http or https address
 */
export function checkedAddress(given: string): string {
  const address = given.trim();
  // Not its login: that is a secret.
  const shown = address.replace(/\/\/[^/]*@/, '//…@');
  const details = { path: 'ANTHROPIC_BASE_URL' };
  const odd = /[\s"'“”‘’<>]/.exec(address)?.[0];
  if (odd !== undefined) {
    const what = /\s/.test(odd) ? 'white space' : odd;
    throw new BadInputError(`The address of the API has ${what} in it: ${shown}`, addressHint, details);
  }
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(address)?.[1]?.toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') {
    const what =
      scheme === undefined ? 'does not begin with https:// or http://' : `is one of ${scheme}, not of https or http`;
    throw new BadInputError(`The address of the API ${what}: ${shown}`, addressHint, details);
  }
  if (!URL.canParse(address)) throw new BadInputError(`The address of the API is none: ${shown}`, addressHint, details);
  const { username, password } = new URL(address);
  if (username !== '' || password !== '') {
    const hint = 'Leave it out; what a gateway wants to see goes into ANTHROPIC_AUTH_TOKEN.';
    throw new BadInputError(`The address of the API has a login in it, which can’t be sent: ${shown}`, hint, details);
  }
  return address;
}

/**
 * A key or a token, without white space around it; undefined where it is empty.
 * @param name of the variable that holds it
 * @throws BadInputError where it holds what no HTTP header can
 */
export function checkedSecret(given: string | undefined, name: string): string | undefined {
  const secret = given?.trim() ?? '';
  if (secret === '') return undefined;
  const odd = /[^\x21-\x7e]|["'`]/.exec(secret);
  if (odd === null) return secret;
  const what = /\s/.test(odd[0]) ? 'white space' : `the character ${odd[0]}`;
  throw new BadInputError(
    `The API key has ${what} in it, at place ${odd.index + 1} of ${secret.length}.`,
    'Copy it once more, without quotes and line breaks.',
    { path: name },
  );
}
