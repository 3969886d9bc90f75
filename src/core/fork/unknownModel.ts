import { ForkPointError } from '../errors.ts';

/** Stands in a rebuilt request where the recording names no model: none of the session's replies was recorded. */
export const unknownModel = '<unknown>';

/** @throws ForkPointError where the request names no model, so that it can't be sent */
export function requireModel({ model }: { model: string }): void {
  if (model !== unknownModel) return;
  throw new ForkPointError(
    'The recording names no model: no reply of the session was recorded.',
    'Give each branch a model, for example --branch model=claude-haiku-4-5.',
  );
}
