// src/views/forkPanel/app: the page of the fork panel, in a browser. It knows the host by protocol.ts only: no
// vscode, no Node, no code of src/core, types excepted.

import './zodSetup.ts';
import './forkPanel.css';
import { ForkPanelElement, type VsCodeApi } from './forkPanelElement.ts';
import { keepSelectAll } from './keepSelectAll.ts';

declare function acquireVsCodeApi(): VsCodeApi;

ForkPanelElement.api = acquireVsCodeApi();
document.addEventListener('keydown', keepSelectAll);
// Defined last: the element on the page comes to life at once, and needs its api.
customElements.define('fork-panel', ForkPanelElement);
