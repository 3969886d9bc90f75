import * as z from 'zod';
import type { FoundAgent } from './agentPorts.ts';

const text = z.string().nullish().catch(null);
const statusSchema = z.object({
  loggedIn: z.boolean(),
  authMethod: text,
  apiProvider: text,
  subscriptionType: text,
});

/** Names of other providers than Anthropic, by Claude Code's own. */
const providers = new Map([
  ['bedrock', 'Amazon Bedrock'],
  ['vertex', 'Google Vertex AI'],
  ['foundry', 'Microsoft Foundry'],
  ['gateway', 'a gateway'],
]);
const unknown = { login: null, billing: null };

/**
 * How Claude Code is logged in, from what `claude auth status --json` prints. Unknown where it prints anything else, as
 * versions before 2.1 do.
 */
export function agentLogin(printed: string): Pick<FoundAgent, 'login' | 'billing'> {
  const status = statusSchema.safeParse(parsed(printed));
  if (!status.success) return unknown;
  const { loggedIn, authMethod, apiProvider, subscriptionType } = status.data;
  if (!loggedIn) return { login: 'not logged in', billing: null };
  if (authMethod === 'claude.ai') return { login: planName(subscriptionType ?? null), billing: 'subscription' };
  if (authMethod === 'api_key' || authMethod === 'api_key_helper') return { login: 'API key', billing: 'api' };
  if (authMethod === 'third_party') {
    return { login: providers.get(apiProvider ?? '') ?? apiProvider ?? null, billing: 'api' };
  }
  // A token may be a subscription's or a gateway's: Claude Code doesn't tell.
  return authMethod === 'oauth_token' ? { login: 'token', billing: null } : unknown;
}

function planName(type: string | null): string {
  if (type === null || type === '') return 'Claude account';
  return `Claude ${type.charAt(0).toUpperCase()}${type.slice(1)} plan`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
