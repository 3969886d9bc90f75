// `node placeProgram.ts JSON`: makes a place and runs a script in it, as another user or to be killed. Prints lines of JSON.
import { createChangeStore } from '../../src/adapters/changes/createChangeStore.ts';
import { createPlaces } from '../../src/adapters/places/createPlaces.ts';
import type { PlaceKind } from '../../src/core/agent/agentSettings.ts';
import { runIdSchema } from '../../src/core/ids.ts';

interface Order {
  places: string;
  folder: string;
  kind: PlaceKind;
  name: string;
  script: string;
  /** Makes the place and nothing else, over and over. */
  makeOnly?: boolean;
  /** False: as on a machine that forbids them. */
  namespaces?: boolean;
}

const order = JSON.parse(process.argv[2] ?? '') as Order;
const say = (value: unknown): void => console.log(JSON.stringify(value));
const places = createPlaces({
  folder: order.places,
  changes: createChangeStore(order.places),
  isRunKnown: () => true,
  namespaces: order.namespaces ?? true,
});
const place = await places.create(
  {
    id: { runId: runIdSchema.parse('r-1'), name: order.name },
    kind: order.kind,
    folder: order.folder,
    base: null,
    files: [],
    include: [],
    readBlob: () => Promise.resolve(new Uint8Array()),
  },
  new AbortController().signal,
);
say({ made: place.kind });
if (order.makeOnly !== true) {
  const program = place.spawn(['sh', '-c', order.script], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' },
  });
  let output = '';
  let errors = '';
  program.onStdout((text) => {
    output += text;
    say({ output: text });
  });
  program.onStderr((text) => {
    errors += text;
  });
  const ended = await program.ended;
  say({ ended, all: output, errors, changes: (await place.changes()).changes.map(({ path }) => path) });
}
