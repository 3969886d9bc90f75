/**
 * Flags that let calls through by rules of a project's settings (`permissions.allow`). Claude Code passes over the rules of
 * `.claude/settings.json` in a folder that it was never told to trust, as a worktree of ours is one; what is denied or
 * asked for there holds nevertheless. Rules that could be taken for a flag are left out.
 */
export function allowRuleFlags(rules: readonly string[]): string[] {
  const plain = rules.map((rule) => rule.trim()).filter((rule) => rule !== '' && !rule.startsWith('-'));
  return plain.length === 0 ? [] : ['--allowedTools', ...plain];
}

/**
 * Flags that keep Claude Code's file tools away from the user's own tree, where the place lies elsewhere: rules of the
 * user's settings may let writes through that nobody is asked about. A path that can't be said in a rule is left out.
 * @param folders absolute
 */
export function denyWritesFlags(folders: readonly string[]): string[] {
  const rules = folders.flatMap((folder) => writeRule(folder) ?? []);
  return rules.length === 0 ? [] : ['--disallowedTools', ...rules];
}

function writeRule(folder: string): string | null {
  const slashed = folder.replaceAll('\\', '/').replace(/^([A-Za-z]):/, (_, drive: string) => `/${drive.toLowerCase()}`);
  // Rules are patterns as of a .gitignore: what has a meaning there can't be named.
  if (!slashed.startsWith('/') || /[*?![\](){}"'\n]/.test(slashed)) return null;
  return `Edit(/${slashed.replace(/\/+$/, '')}/**)`;
}
