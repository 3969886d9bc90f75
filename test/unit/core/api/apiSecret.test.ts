import { describe, expect, it } from 'vitest';
import { chosenSecret, secretWords } from '../../../../src/core/api/apiSecret.ts';

const both = { ANTHROPIC_API_KEY: 'key', ANTHROPIC_AUTH_TOKEN: 'token' };

describe('the secret that requests are sent with', () => {
  it.each([
    ['stored', both, { kind: 'key', value: 'stored', unused: 'ANTHROPIC_AUTH_TOKEN' }],
    [undefined, both, { kind: 'token', value: 'token', from: 'ANTHROPIC_AUTH_TOKEN', unused: 'ANTHROPIC_API_KEY' }],
    ['', { ...both, ANTHROPIC_AUTH_TOKEN: ' ' }, { kind: 'key', value: 'key', unused: null }],
  ])('%j and %j', (stored, env, expected) => {
    expect(chosenSecret(stored, env)).toMatchObject(expected);
  });

  it('is none where nothing is set', () => {
    expect(chosenSecret(undefined, { ANTHROPIC_API_KEY: '' })).toBeNull();
  });

  it('is named by where it came from, not by its value', () => {
    const words = 'with ANTHROPIC_AUTH_TOKEN; ANTHROPIC_API_KEY is set, too, and not used';
    expect(secretWords(chosenSecret(undefined, both) ?? { from: '', unused: null })).toBe(words);
  });
});
