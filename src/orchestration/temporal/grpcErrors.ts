import { causesOf } from '../../core/errors.ts';

/** The server refuses what it was given. */
export function isBadArgument(error: unknown): boolean {
  return hasCode(error, [3]);
}

/** The server can't be reached, or does not answer in time. */
export function isUnreachable(error: unknown): boolean {
  return hasCode(error, [14, 4]);
}

/** The server does not let in who asks. */
export function isNotAllowed(error: unknown): boolean {
  return hasCode(error, [16, 7]);
}

/** @param codes of gRPC: 3 invalid argument, 4 deadline exceeded, 7 permission denied, 14 unavailable, 16 unauthenticated */
function hasCode(error: unknown, codes: readonly number[]): boolean {
  return [...causesOf(error)].some((at) => 'code' in at && typeof at.code === 'number' && codes.includes(at.code));
}
