/** Folders and address that Claude Code is to use in a test. */
export interface ClaudeFolders {
  home: string;
  configDir: string;
  /** Address of the stand-in for the API. */
  baseUrl: string;
}

/** Environment of a Claude Code under test. Nothing is inherited but PATH: a variable of the machine must not change what it does. */
export function claudeEnvironment({ home, configDir, baseUrl }: ClaudeFolders): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: home,
    CLAUDE_CONFIG_DIR: configDir,
    ANTHROPIC_BASE_URL: baseUrl,
    ANTHROPIC_API_KEY: 'sk-ant-test',
    DISABLE_TELEMETRY: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
  };
}
