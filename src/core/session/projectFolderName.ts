const longest = 200;

/**
 * Name of the folder below `projects` in which Claude Code keeps the sessions of a folder.
 * @param path absolute, symbolic links resolved
 */
export function projectFolderName(path: string): string {
  const name = path.replaceAll(/[^a-zA-Z0-9]/g, '-');
  if (name.length <= longest) return name;
  return `${name.slice(0, longest)}-${Math.abs(javaHash(path)).toString(36)}`;
}

/** The hash that Java gives a string: 32 bits, with sign. */
function javaHash(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}
