import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BranchChain } from '../../src/core/agent/agentSettings.ts';
import { branchChain } from '../../src/core/fork/agent/branchChain.ts';
import type { ForkPoint } from '../../src/core/fork/forkRequest.ts';
import type { SessionRequests } from '../../src/core/fork/sessionRequests.ts';
import { createSessionRequests } from '../../src/core/fork/sessionRequests.ts';
import { parseTranscript } from '../../src/core/session/parseTranscript.ts';
import type { RecordedSession } from '../../src/core/session/recordedSession.ts';
import { sha256, treeOf } from './transcript.ts';

/** Config folder of one case: a few lines of a kind that was seen in a stranger's session or in a bug report. */
export const caseFolder = (name: string): string => join(import.meta.dirname, '../fixtures/cases', name);

/** The one session of a case, read from the bytes of its file. */
export function sessionOfCase(name: string): {
  session: RecordedSession;
  requests: SessionRequests;
  chainAt: (point: ForkPoint) => BranchChain;
} {
  const files = readdirSync(caseFolder(name), { recursive: true, encoding: 'utf8' });
  const [file, ...more] = files.filter((each) => each.endsWith('.jsonl'));
  if (file === undefined || more.length > 0) throw new Error(`Case ${name} has not one session.`);
  const bytes = readFileSync(join(caseFolder(name), file));
  const tree = treeOf(bytes);
  const transcript = parseTranscript(bytes);
  const requests = createSessionRequests(tree, transcript, [], sha256);
  const chainAt = (point: ForkPoint) => branchChain(tree, transcript.entries, point, requests);
  return { session: tree.session, requests, chainAt };
}
