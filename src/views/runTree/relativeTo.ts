/** The text without the way to a folder, wherever it stands in it. */
export function relativeTo(folder: string | null, text: string): string {
  const way = folder?.replace(/[\\/]+$/, '') ?? '';
  return way === '' ? text : text.replaceAll(`${way}/`, '');
}
