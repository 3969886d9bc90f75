import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { sampleFile, sampleText } from '../../../demo/makeSession.ts';
import { createSessionStore } from '../../../src/adapters/sessions/createSessionStore.ts';
import { sha256 } from '../../../src/adapters/sha256.ts';
import type { RecordedRequest } from '../../../src/core/session/recordedRequest.ts';

const root = path.resolve(import.meta.dirname, '../../..');

describe('the sample session', () => {
  it('is the one that demo/makeSession.ts writes', () => {
    expect(readFileSync(path.join(root, sampleFile), 'utf8')).toBe(sampleText);
  });

  it('is read without a problem, and each of its requests verifies', async () => {
    const store = createSessionStore({ claudeDirs: [path.join(root, 'demo/claude')], sha256 });
    const open = await store.open(path.join(root, sampleFile));
    expect(open.session.problems).toEqual([]);
    const requests: RecordedRequest[] = [];
    for await (const request of open.requests()) requests.push(request);
    expect(requests).toHaveLength(11);
    expect(requests.every(({ fidelity, digestVerified }) => fidelity === 'exact' && digestVerified)).toBe(true);
    for (const turn of [1, 2, 3, 4, 5]) {
      expect((await open.forkAt({ turn })).rebuilt).toMatchObject({ fidelity: 'exact', missing: [] });
    }
  });
});
