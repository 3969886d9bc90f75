/** Names become paths of files, so their alphabet is narrow. @throws Error for another name */
export function checkedName(name: string): string {
  if (!/^[a-z0-9-]+(?:\/[a-z0-9-]+)*(?:\.json|\/)?$/.test(name)) throw new Error(`Not the name of an object: ${name}`);
  return name;
}
