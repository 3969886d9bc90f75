import type { AgentBranchRef } from '../../agent/agentPorts.ts';
import type { Sha256 } from '../../sha256.ts';

/**
 * Id of a branch's own session: the same each time it is asked for, so that preparing twice leaves one session. A UUID of
 * version 8 (RFC 9562 § 5.8: the bits are ours).
 */
export function branchSessionId({ runId, branchId }: AgentBranchRef, sha256: Sha256): string {
  const hex = sha256(`session of ${runId} ${branchId}`);
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
