import type { ChangeStore } from '../../core/agent/agentPorts.ts';
import type { ChangeApplier } from '../../core/changes/applyChanges.ts';
import type { RunId } from '../../core/ids.ts';
import { applyPlan, planApply, type ReadVersion } from './applyToTree.ts';
import { mergeTextWith } from './mergeText.ts';
import { toGitBranch } from './toGitBranch.ts';

/** Applies branches whose versions of files lie in a store. */
export function createChangeApplier(store: Pick<ChangeStore, 'read'>): ChangeApplier {
  const reading =
    (runId: RunId): ReadVersion =>
    async (version) =>
      version === null ? null : { mode: version.mode, bytes: await store.read(runId, version.oid) };
  return {
    plan: ({ runId, changes, root, name }) =>
      planApply({ changes, root, read: reading(runId), merge: mergeTextWith(name) }),
    apply: applyPlan,
    toGitBranch: ({ runId, ...order }) =>
      toGitBranch({ ...order, read: reading(runId), merge: mergeTextWith(order.name) }),
  };
}
