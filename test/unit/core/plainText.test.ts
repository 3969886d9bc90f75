import { describe, expect, it } from 'vitest';
import { iconSafe, legalJson, messageSafe, plainText } from '../../../src/core/plainText.ts';

describe('plainText', () => {
  it('strips what reorders, hides or controls', () => {
    expect(plainText('a\u202Etxt.exe\u202C\u2066b\u2069\u200B\u0007\u001b[31mc')).toBe('atxt.exeb[31mc');
  });
  it('strips tag characters, which hide instructions', () => expect(plainText('hi\u{E0041}\u{E007F}')).toBe('hi'));
  it('keeps joiners, line feeds and tabs', () => expect(plainText('👨‍👩‍👧\r\n\tx')).toBe('👨‍👩‍👧\n\tx'));
  it('replaces lone surrogates', () => expect(plainText('a\ud800b')).toBe('a\ufffdb'));
});

it('legalJson writes no half characters', () => {
  const value = { text: '\ud83d half \ud83d\ude00 \udc00\ud800', path: 'C:\\ud800' };
  const json = legalJson(JSON.stringify(value));
  expect(JSON.parse(json)).toEqual({ text: '\ufffd half \ud83d\ude00 \ufffd\ufffd', path: 'C:\\ud800' });
});

it('iconSafe escapes icon syntax only', () => {
  expect(iconSafe('$(zap) $(loading~spin) $(echo hi) costs $5')).toBe('\\$(zap) \\$(loading~spin) $(echo hi) costs $5');
});

it('messageSafe breaks links', () => {
  expect(messageSafe('see [this](command:workbench.action.quit)')).toBe('see [this] (command:workbench.action.quit)');
});
