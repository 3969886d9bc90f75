// Runs in a page beside the built fork panel: plays the host, and renders the same rows the naive way.
// The bench reads `window.bench`.
(() => {
  const cut = (row) => ({
    at: { turn: row / 2 + 1 },
    row,
    side: 'before',
    label: `before turn ${row / 2 + 1}`,
    recordedPrompt: 'Look at this again.',
    stop: row / 2 + 1,
    stops: 1,
  });
  const draft = {
    edits: 0,
    session: 'bench',
    at: { turn: 1 },
    prompt: null,
    branches: [],
    engine: 'in-process',
    tools: 'recorded',
    maxSteps: '',
    timeoutMinutes: '',
    budgetUsd: '',
  };
  /** Rows as the host sends them; `kind`, `text` and the like as in the panel's protocol. */
  const rowAt = (index, texts) => ({
    kind: index % 2 === 0 ? 'prompt' : 'reply',
    turn: Math.floor(index / 2) + 1,
    text: texts[index % texts.length],
    facts: index % 2 === 0 ? '' : '2 tools',
    tooltip: 'Opus 5.5 · 9.4k tokens in, 80 out',
    problem: null,
    faded: false,
    expandable: true,
    cutBefore: index % 2 === 0 ? { turn: index / 2 + 1 } : null,
    cutAfter: index % 2 === 0 ? null : { after: `u${index}` },
  });

  let rows = 0;
  let texts = [''];
  const results = {
    open: () => ({
      title: 'Bench',
      rows,
      cut: cut(rows / 2 - ((rows / 2) % 2)),
      draft,
      runId: 'run-00000000-0000-4000-8000-000000000000',
      restored: false,
      recordedModel: null,
      models: [],
      engines: [],
      run: null,
    }),
    rows: ({ start, count }) => {
      const length = Math.max(0, Math.min(count, rows - start));
      return { start, rows: Array.from({ length }, (_, at) => rowAt(start + at, texts)) };
    },
    preview: () => ({ preview: null, problems: [] }),
    engines: () => ({ engines: [] }),
    models: () => ({ models: [], note: '' }),
    remember: () => ({}),
  };
  window.acquireVsCodeApi = () => ({
    getState: () => undefined,
    setState: () => undefined,
    // A message channel, as between a webview and its host: never in the same task.
    postMessage: ({ id, method, params }) => window.postMessage({ id, result: results[method](params) }),
  });

  const frame = () => new Promise((resolve) => requestAnimationFrame(() => resolve()));
  /** Resolves once what stands in the page now was painted. */
  const painted = async () => {
    await frame();
    await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.addEventListener('message', () => resolve());
      port1.start();
      port2.postMessage(null);
    });
  };
  /** Texts of the panel's rows that stand in view. */
  const inView = () => {
    const scroller = document.querySelector('.conversation-scroll')?.getBoundingClientRect();
    return [...document.querySelectorAll('.conversation-scroll .row')].filter((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return scroller !== undefined && bottom > scroller.top && top < scroller.bottom;
    });
  };
  const ready = () => {
    const shown = inView();
    return shown.length > 3 && shown.every((row) => !row.classList.contains('fetching'));
  };
  const removePanel = () => {
    for (const element of document.querySelectorAll('fork-panel, .naive')) element.remove();
  };

  /** Milliseconds until the panel stands with all rows in view, and how many rows are in the page then. */
  async function panel() {
    removePanel();
    await painted();
    const started = performance.now();
    document.body.prepend(document.createElement('fork-panel'));
    while (!ready()) await frame();
    await painted();
    return { ms: performance.now() - started, rows: document.querySelectorAll('.conversation-scroll .item').length };
  }

  /** Milliseconds until the list of an open panel, drawn anew, stands with all rows in view. */
  async function list() {
    const old = document.querySelector('conversation-view');
    const view = document.createElement('conversation-view');
    Object.assign(view, { panel: old.panel, actions: old.actions });
    const place = old.parentElement;
    old.remove();
    await painted();
    const started = performance.now();
    place.append(view);
    while (!ready()) await frame();
    await painted();
    return performance.now() - started;
  }

  /** Milliseconds until so many rows stand in the page, all of them, in the panel's own markup. */
  async function naive(count) {
    const item = [...document.querySelectorAll('.conversation-scroll .item')].find((each) =>
      each.querySelector('.row .text'),
    );
    const template = item.cloneNode(true);
    template.style.cssText = 'position: static';
    const scroller = document.createElement('div');
    scroller.className = 'conversation-scroll naive';
    const place = document.querySelector('conversation-view');
    place.firstElementChild.style.display = 'none';
    await painted();
    const started = performance.now();
    for (let index = 0; index < count; index += 1) {
      const data = rowAt(index, texts);
      const copy = template.cloneNode(true);
      copy.querySelector('.text').textContent = data.text;
      copy.querySelector('.who').textContent = data.kind === 'prompt' ? 'You' : 'Claude';
      copy.querySelector('.facts').textContent = data.facts;
      scroller.append(copy);
    }
    place.append(scroller);
    await painted();
    const took = performance.now() - started;
    scroller.remove();
    place.firstElementChild.style.display = '';
    await painted();
    return took;
  }

  window.bench = {
    prepare: (count, samples) => {
      rows = count;
      texts = samples;
    },
    panel,
    list,
    naive,
  };
})();
