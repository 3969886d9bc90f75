import { describe, expect, it } from 'vitest';
import { agentEnvironment } from '../../../../src/core/agent/agentEnvironment.ts';
import { type AgentFlagsOrder, agentFlags } from '../../../../src/core/agent/agentFlags.ts';
import { isVersionAtLeast } from '../../../../src/core/agent/agentVersion.ts';

const plain = { model: null, effort: null, system: null, thinking: null };

function flagsOf(over: Partial<AgentFlagsOrder> = {}) {
  return agentFlags({
    version: '2.1.329',
    recordedTools: null,
    permissionMode: null,
    permissions: 'ask',
    branch: plain,
    maxTurns: null,
    budgetUsd: null,
    sessionId: 's-1',
    resume: true,
    ...over,
  });
}

/** What stands behind a flag; undefined where it is not given. */
function valueOf(args: readonly string[], flag: string): string | undefined {
  const at = args.indexOf(flag);
  return at < 0 ? undefined : args[at + 1];
}

describe('the flags of an agent', () => {
  it('resume its session, or begin it', () => {
    expect(valueOf(flagsOf().args, '--resume')).toBe('s-1');
    const begun = flagsOf({ resume: false, resumeAt: 'u1' }).args;
    expect(valueOf(begun, '--session-id')).toBe('s-1');
    expect(begun).not.toContain('--resume');
    expect(begun).not.toContain('--resume-session-at');
    expect(flagsOf({ resume: false, title: '-x' }).args).toContain('--name=-x');
    expect(flagsOf({ title: '-x' }).args.join(' ')).not.toContain('--name');
    expect(flagsOf({ resume: false, title: 'x', version: '2.0.76' }).args.join(' ')).not.toContain('--name');
    expect(valueOf(flagsOf({ resumeAt: 'u1' }).args, '--resume-session-at')).toBe('u1');
  });

  it('take away what the recording did not offer, and only that', () => {
    const take = (recordedTools: string[] | null) => valueOf(flagsOf({ recordedTools }).args, '--disallowedTools');
    expect(take(['Bash'])).toBe('AskUserQuestion,EnterPlanMode,ExitPlanMode');
    expect(take(['AskUserQuestion', 'EnterPlanMode', 'ExitPlanMode', 'Bash'])).toBeUndefined();
    expect(take(null)).toBeUndefined();
  });

  it('bring back the search tools that a rule had put on offer', () => {
    expect(valueOf(flagsOf({ recordedTools: ['Glob', 'Bash'] }).args, '--allowedTools')).toBe('Glob');
    expect(flagsOf({ recordedTools: ['Bash'] }).args).not.toContain('--allowedTools');
  });

  it('leave every question to a person, whatever mode was recorded', () => {
    const mode = (permissionMode: string | null, permissions: AgentFlagsOrder['permissions'] = 'ask') =>
      valueOf(flagsOf({ permissionMode, permissions }).args, '--permission-mode');
    for (const given of [null, 'default', 'auto', 'dontAsk', 'bypassPermissions', '--evil'])
      expect(mode(given)).toBe('default');
    expect(mode('plan')).toBe('plan');
    expect(mode('acceptEdits')).toBe('acceptEdits');
    expect(mode('default', 'bypass')).toBe('default');
    expect(flagsOf({ permissions: 'bypass' }).args.join(' ')).not.toMatch(/bypass|dangerously/);
  });

  it('have the system prompt sent anew where it is another one', () => {
    const { args } = flagsOf({ branch: { ...plain, system: { append: '--be brief' } } });
    expect(args).toContain('--append-system-prompt=--be brief');
    expect(valueOf(args, '--system-prompt-snapshot')).toBe('off');
    const old = flagsOf({ version: '2.1.200', branch: { ...plain, system: { replace: 'Only this' } } }).args;
    expect(old).toContain('--system-prompt=Only this');
    expect(old).not.toContain('--system-prompt-snapshot');
    expect(flagsOf().args).not.toContain('--system-prompt-snapshot');
    const long = flagsOf({ branch: { ...plain, system: { append: 'é'.repeat(70_000) } } });
    expect(long.args.join(' ')).not.toContain('é');
    expect(long.unsupported).toHaveLength(1);
  });

  it('pass model, effort, limits', () => {
    const branch = { ...plain, model: 'claude-opus-5-5', effort: 'low' };
    const { args, unsupported } = flagsOf({ branch, maxTurns: 3, budgetUsd: 0.5 });
    expect(args).toContain('--model=claude-opus-5-5');
    expect(valueOf(args, '--effort')).toBe('low');
    expect(valueOf(args, '--max-turns')).toBe('3');
    expect(valueOf(args, '--max-budget-usd')).toBe('0.5');
    expect(unsupported).toEqual([]);
  });

  it('say what version or model can’t take', () => {
    const said = (version: string, over: Partial<AgentFlagsOrder['branch']>) =>
      flagsOf({ version, branch: { ...plain, ...over } });
    expect(said('2.0.76', { effort: 'low' }).unsupported).toEqual([
      'Claude Code 2.0.76 takes no effort: its default is used.',
    ]);
    expect(said('2.0.76', { effort: 'low' }).args).not.toContain('--effort');
    expect(said('2.1.100', { effort: 'xhigh' }).unsupported).toHaveLength(1);
    expect(said('2.1.100', { effort: 'high' }).unsupported).toEqual([]);
    expect(said('2.1.329', { effort: 'high', model: 'claude-haiku-4-5' }).unsupported).toHaveLength(1);
    expect(said('2.1.329', { thinking: 'off', model: 'claude-opus-5-5' }).unsupported).toEqual([
      'claude-opus-5-5 can’t be kept from thinking.',
    ]);
    expect(said('2.1.329', { thinking: { budgetTokens: 2000 }, model: 'claude-opus-5-5' }).unsupported).toHaveLength(1);
  });

  it('set thinking by flag, by a variable where there is none', () => {
    const thinking = (version: string, value: AgentFlagsOrder['branch']['thinking']) =>
      flagsOf({ version, branch: { ...plain, model: 'claude-sonnet-4-5', thinking: value } });
    expect(valueOf(thinking('2.1.329', 'off').args, '--thinking')).toBe('disabled');
    expect(valueOf(thinking('2.1.329', { budgetTokens: 2000 }).args, '--max-thinking-tokens')).toBe('2000');
    expect(thinking('2.0.76', 'off').env).toEqual({ MAX_THINKING_TOKENS: '0' });
    expect(thinking('2.1.329', 'off').unsupported).toEqual([]);
  });
});

describe('versions', () => {
  it('are compared by their numbers', () => {
    expect(isVersionAtLeast('2.1.300', '2.1.300')).toBe(true);
    expect(isVersionAtLeast('2.1.99', '2.1.100')).toBe(false);
    expect(isVersionAtLeast('2.2.0', '2.1.300')).toBe(true);
    expect(isVersionAtLeast('2.0.999', '2.1.0')).toBe(false);
    expect(isVersionAtLeast('2.1.329 (Claude Code)', '2.1.300')).toBe(true);
    expect(isVersionAtLeast(null, '9.9.9')).toBe(true);
  });
});

describe('the environment of an agent', () => {
  it('holds nothing of a Claude Code or an editor above', () => {
    const parent = {
      CLAUDECODE: '1',
      CLAUDE_CODE_CHILD_SESSION: '1',
      CLAUDE_CODE_ENTRYPOINT: 'cli',
      CLAUDE_CODE_SESSION_ID: 'x',
      CLAUDE_CODE_MESSAGING_TOKEN: 'x',
      CLAUDE_CODE_SSE_PORT: '1',
      CLAUDE_CODE_RESUME_PROMPT: 'x',
      CLAUDE_CODE_SKIP_PROMPT_HISTORY: '1',
      CLAUDE_BG_SOURCE: 'x',
      CLAUDE_PID: '1',
      ELECTRON_RUN_AS_NODE: '1',
      VSCODE_ESM_ENTRYPOINT: 'x',
    };
    const person = {
      PATH: '/bin',
      HOME: '/home/sam',
      CLAUDE_CONFIG_DIR: '/c',
      CLAUDE_CODE_USE_BEDROCK: '1',
      CLAUDE_CODE_OAUTH_TOKEN: 't',
      ANTHROPIC_BASE_URL: 'http://x',
      HTTPS_PROXY: 'p',
      MAX_THINKING_TOKENS: '1024',
      VSCODE_GIT_IPC_HANDLE: 'g',
      nothing: undefined,
    };
    const { nothing: _, ...kept } = person;
    expect(agentEnvironment({ ...parent, ...person }, { FORKPOINT_RUN: 'r' })).toEqual({ ...kept, FORKPOINT_RUN: 'r' });
  });

  it('takes what is added over what is there', () => {
    expect(agentEnvironment({ FORKPOINT_ENCRYPTION_KEY: 'k', FORKPOINT_ENCRYPTION_KEYS: 'a:k' }, {})).toEqual({});
    expect(agentEnvironment({ PORT: '1' }, { PORT: '2' })).toEqual({ PORT: '2' });
  });
});
