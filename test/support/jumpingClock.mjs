// Preloaded (`node --import`) by processes whose system clock is to jump: the file that FORKPOINT_TEST_CLOCK names says by how many
// milliseconds. Timers and the monotonic clock go on as they are, as they do where a machine's clock is set.
import { readFileSync } from 'node:fs';

const file = process.env['FORKPOINT_TEST_CLOCK'] ?? '';
const RealDate = Date;
let offset = 0;

function look() {
  try {
    offset = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    offset = 0;
  }
}

class JumpingDate extends RealDate {
  /** @param {unknown[]} given */
  constructor(...given) {
    if (given.length === 0) super(JumpingDate.now());
    else super(.../** @type {[number]} */ (given));
  }

  static now() {
    return RealDate.now() + offset;
  }
}

look();
setInterval(look, 50).unref();
globalThis.Date = /** @type {DateConstructor} */ (/** @type {unknown} */ (JumpingDate));
