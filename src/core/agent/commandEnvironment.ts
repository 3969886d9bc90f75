/** What Claude Code sets for itself and for those that it starts, and what keys and addresses are called. */
const withheld = /^(?:ANTHROPIC_|CLAUDE_?|CLAUDECODE|TEMPORAL_API_KEY|FORKPOINT_(?!HOME$))/;

/** The environment of set-up commands and checks: that of this process without keys and without Claude Code’s own variables. */
export function commandEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !withheld.test(entry[0]),
    ),
  );
}
