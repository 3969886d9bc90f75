import { DefaultFailureConverter, defaultFailureConverter } from '@temporalio/common';

/** Put in front of the workflows' code where payloads are encrypted: the sandbox has no environment to look into. */
export const encryptedMark = 'globalThis.forkpointEncrypted=true;';

/**
 * Of the sandbox, which finds it by its name. Where payloads are encrypted, messages and stacks of failures travel in one, too;
 * elsewhere they stay legible in the web UI.
 */
export const failureConverter = new DefaultFailureConverter({
  encodeCommonAttributes: 'forkpointEncrypted' in globalThis,
});

/** The same for what fails outside the sandbox: there the SDK would have a converter in a CommonJS file of its own. */
export function encodeFailures(): void {
  if (defaultFailureConverter instanceof DefaultFailureConverter) {
    defaultFailureConverter.options.encodeCommonAttributes = true;
  }
}
