/** Addresses inside the webview, made with `asWebviewUri`. */
export interface PanelAssets {
  script: string;
  style: string;
  codicons: string;
  cspSource: string;
  nonce: string;
}

/**
 * The panel's page. No inline script or style, nothing from outside: transcripts are untrusted, so the policy has to hold
 * even where some text slipped through as HTML.
 */
export function panelHtml({ script, style, codicons, cspSource, nonce }: PanelAssets): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource}`,
    `font-src ${cspSource}`,
    `img-src ${cspSource} data:`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${codicons}" id="vscode-codicon-stylesheet">
<link rel="stylesheet" href="${style}">
<title>Fork</title>
</head>
<body>
<fork-panel></fork-panel>
<script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}

/** For a restored panel whose target is unknown. */
export const lostPanelHtml = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<title>Fork</title>
</head>
<body>
<p>This fork panel can’t be restored. Open the fork from the Sessions view again; what you had filled in is kept.</p>
</body>
</html>`;
