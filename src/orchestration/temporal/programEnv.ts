const passedOn =
  /^(PATH|HOME|USER|LOGNAME|USERPROFILE|APPDATA|LOCALAPPDATA|SYSTEMROOT|WINDIR|TEMP|TMP|TMPDIR|LANG|LC_.*|TZ|XDG_.*|SSL_CERT_.*|NODE_EXTRA_CA_CERTS|(?:HTTPS?|ALL|NO)_PROXY)$/i;

/**
 * What of the environment a program of ours gets, and with it what it starts: no keys, and nothing that steers Claude Code. Inside VS
 * Code the running program is the editor itself; so it behaves as Node.
 */
export function programEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => passedOn.test(name));
  return {
    ...Object.fromEntries(kept),
    ...(process.versions['electron'] !== undefined && { ELECTRON_RUN_AS_NODE: '1' }),
  };
}
