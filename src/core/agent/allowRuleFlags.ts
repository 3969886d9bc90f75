/**
 * Flags that let calls through by rules of a project's settings (`permissions.allow`). Claude Code passes over the rules of
 * `.claude/settings.json` in a folder that it was never told to trust, as a worktree of ours is one; what is denied or
 * asked for there holds nevertheless. Rules that could be taken for a flag are left out.
 */
export function allowRuleFlags(rules: readonly string[]): string[] {
  const plain = rules.map((rule) => rule.trim()).filter((rule) => rule !== '' && !rule.startsWith('-'));
  return plain.length === 0 ? [] : ['--allowedTools', ...plain];
}
