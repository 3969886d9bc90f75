import { expect, it } from 'vitest';
import { agentLogin } from '../../../../src/core/agent/agentLogin.ts';
import { allowRuleFlags } from '../../../../src/core/agent/allowRuleFlags.ts';
import { guardFlags } from '../../../../src/core/agent/guardFlags.ts';

it.each([
  [{ loggedIn: false, authMethod: 'none' }, 'not logged in', null],
  [{ loggedIn: true, authMethod: 'claude.ai', subscriptionType: 'max' }, 'Claude Max plan', 'subscription'],
  [{ loggedIn: true, authMethod: 'claude.ai', subscriptionType: null }, 'Claude account', 'subscription'],
  [{ loggedIn: true, authMethod: 'api_key', apiKeySource: 'ANTHROPIC_API_KEY' }, 'API key', 'api'],
  [{ loggedIn: true, authMethod: 'third_party', apiProvider: 'vertex' }, 'Google Vertex AI', 'api'],
  [{ loggedIn: true, authMethod: 'oauth_token' }, 'token', null],
  [{ loggedIn: true, authMethod: 'of the future' }, null, null],
])('%j', (status, login, billing) => {
  expect(agentLogin(JSON.stringify(status))).toEqual({ login, billing });
});

it('a version that prints anything else says nothing of its login', () => {
  for (const printed of ['', "error: unknown option '--json'", '[]', '{"loggedIn":"yes"}']) {
    expect(agentLogin(printed)).toEqual({ login: null, billing: null });
  }
});

it('rules become flags only where they can be nothing else', () => {
  expect(allowRuleFlags([])).toEqual([]);
  expect(allowRuleFlags([' Bash(npm test:*) ', '--dangerously-skip-permissions', ''])).toEqual([
    '--allowedTools',
    'Bash(npm test:*)',
  ]);
  const flagsFor = (userFolders: string[]) => guardFlags({ path: '/w', userFolders, isConfined: false });
  expect(flagsFor(['/home/a b/tree/', '/srv/repo.git'])).toEqual([
    '--disallowedTools',
    'Edit(//home/a b/tree/**)',
    'Edit(//srv/repo.git/**)',
  ]);
  expect(flagsFor(['C:\\work\\tree'])).toEqual(['--disallowedTools', 'Edit(//c/work/tree/**)']);
  expect(flagsFor(['/home/a(b)/tree'])).toEqual([]);
});
