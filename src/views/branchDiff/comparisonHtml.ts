import type { Cell, ComparisonRow, ComparisonTable } from './comparisonTable.ts';

export interface ComparisonPage {
  /** Kept by the page, so that VS Code can bring it back. */
  runId: string;
  cspSource: string;
  nonce: string;
  /** Address of the style sheet. */
  style: string;
}

/** The whole page of a comparison. Every text goes through `escapeHtml`; clicks are told to the host, which opens the diffs. */
export function comparisonHtml(table: ComparisonTable, { runId, cspSource, nonce, style }: ComparisonPage): string {
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${cspSource}`;
  const failed = table.rows.filter(({ error }) => error !== null);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="stylesheet" href="${escapeHtml(style)}">
<title>${escapeHtml(table.title)}</title>
</head>
<body data-run="${escapeHtml(runId)}">
<main>
<h1>${escapeHtml(table.title)}</h1>
<p>${escapeHtml(table.summary)}</p>
<div class="scroll" role="region" aria-label="Comparison of the branches" tabindex="0">
<table>
<thead><tr><th scope="col">Branch</th>${table.columns.map(heading).join('')}<th scope="col" title="${divergenceHint}">First difference</th></tr></thead>
<tbody>
${table.rows.map((row, index) => tableRow(row, index, table.columns)).join('\n')}
</tbody>
</table>
</div>
${list('What failed', failed.map(failure))}
${list('What is not known', table.problems.map(escapeHtml))}
</main>
<script nonce="${nonce}">
const vscode = acquireVsCodeApi();
vscode.setState({ runId: document.body.dataset.run });
document.addEventListener('click', ({ target }) => {
  const button = target instanceof Element ? target.closest('button[data-branch]') : null;
  if (button) vscode.postMessage({ branch: button.dataset.branch, line: Number(button.dataset.line) });
});
</script>
</body>
</html>`;
}

const divergenceHint = 'Where the branch first differs from the recording; opens the diff there';

/** The text so that HTML shows it as it is, in elements and in quoted attributes. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

function heading({ title, tooltip, numeric }: ComparisonTable['columns'][number]): string {
  return `<th scope="col" title="${escapeHtml(tooltip)}"${numeric ? ' class="number"' : ''}>${escapeHtml(title)}</th>`;
}

function tableRow(row: ComparisonRow, index: number, columns: ComparisonTable['columns']): string {
  const cells = row.cells.map((cell, at) => tableCell(cell, columns[at]?.numeric ?? false)).join('');
  return `<tr${index === 0 ? ' class="recorded"' : ''}><th scope="row">${escapeHtml(row.name)}</th>${cells}<td>${divergence(row)}</td></tr>`;
}

function tableCell({ text, best, tooltip }: Cell, numeric: boolean): string {
  const title = tooltip === null ? '' : ` title="${escapeHtml(tooltip)}"`;
  const mark = best === null ? '' : ` <span class="best">${escapeHtml(best)}</span>`;
  return `<td${numeric ? ' class="number"' : ''}${title}>${escapeHtml(text)}${mark}</td>`;
}

function divergence({ id, divergence: found }: ComparisonRow): string {
  if (found === null) return '–';
  const title = `title="${escapeHtml(found.tooltip)}"`;
  if (found.line === null) return `<span ${title}>${escapeHtml(found.text)}</span>`;
  return `<button type="button" data-branch="${escapeHtml(id)}" data-line="${found.line}" ${title}>${escapeHtml(found.text)}</button>`;
}

/** @param items as HTML */
function list(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `<h2>${title}</h2>\n<ul>${items.map((item) => `<li>${item}</li>`).join('')}</ul>`;
}

function failure({ name, error }: ComparisonRow): string {
  return `<strong>${escapeHtml(name)}</strong> ${escapeHtml(error ?? '')}`;
}
