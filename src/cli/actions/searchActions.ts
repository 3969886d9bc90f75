import { oneLine, plural, relativeTime } from '../../core/format.ts';
import type { SearchHit, SearchQuery } from '../../core/search/sessionSearch.ts';
import { shownPath } from '../../core/session/projectFolder.ts';
import type { CliContext } from '../context.ts';

/** A terminal is for reading: more than this nobody reads. */
const shownAtMost = 100;

/** `search` */
export async function search(context: CliContext, text: string): Promise<number> {
  const { terminal, interrupted } = context;
  const options = context.options as Omit<SearchQuery, 'text'>;
  const { project, model, tool, since, until } = options;
  const limit = options.limit ?? (terminal.json ? undefined : shownAtMost);
  const query = { text, project, model, tool, since, until, limit };
  const hits: SearchHit[] = [];
  let complete = false;
  let printed: SearchHit | null = null;
  for await (const batch of (await context.search()).search(given(query), { signal: interrupted })) {
    complete = batch.complete;
    hits.push(...batch.hits);
    if (terminal.json) continue;
    for (const hit of batch.hits) {
      if (hit.sessionFile !== printed?.sessionFile) terminal.print(headingOf(context, hit, printed === null));
      terminal.print(lineOf(context, hit));
      printed = hit;
    }
    terminal.progress(`Searched ${batch.searched} of ${plural(batch.files, 'file')}…`);
  }
  interrupted.throwIfAborted();
  if (terminal.json) terminal.printLegalJson({ hits: hits.toSorted(newestFirst), complete });
  else terminal.note(endOf(hits, complete, limit));
  return 0;
}

/** Files are searched by their last change, which may differ from the last message's time where they were copied. */
function newestFirst(a: SearchHit, b: SearchHit): number {
  return (b.lastAt === null ? 0 : Date.parse(b.lastAt)) - (a.lastAt === null ? 0 : Date.parse(a.lastAt));
}

function given(query: { [Name in keyof SearchQuery]: SearchQuery[Name] | undefined }): SearchQuery {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as unknown as SearchQuery;
}

function headingOf({ terminal }: CliContext, { title, sessionId, projectPath }: SearchHit, first: boolean): string {
  const place = oneLine(shownPath(projectPath ?? 'unknown project'), 60);
  return `${first ? '' : '\n'}${terminal.colors.bold(oneLine(title, 60))}  ${sessionId.slice(0, 8)} · ${place}`;
}

function lineOf({ terminal }: CliContext, hit: SearchHit): string {
  const { file, sessionFile, turnIndex, kind, tool, at, line } = hit;
  const place = turnIndex === null ? `line ${line}` : `turn ${turnIndex}`;
  const what = tool === null ? kind : `${oneLine(tool, 30)} ${kind.replace('tool ', '')}`;
  const facts = [
    place,
    ...(file === sessionFile ? [] : ['subagent']),
    what,
    ...(at === null ? [] : [relativeTime(at, Date.now())]),
  ];
  return `  ${terminal.colors.dim(facts.join(' · '))}\n    ${marked(terminal.colors.yellow, hit)}`;
}

/** The snippet with what was found in colour. */
function marked(color: (text: string) => string, { snippet, ranges }: SearchHit): string {
  let text = '';
  let at = 0;
  for (const [start, end] of ranges) {
    text += snippet.slice(at, start) + color(snippet.slice(start, end));
    at = end;
  }
  return text + snippet.slice(at);
}

function endOf(hits: readonly SearchHit[], complete: boolean, limit: number | undefined): string {
  const sessions = new Set(hits.map(({ sessionFile }) => sessionFile)).size;
  const count = hits.length === 0 ? 'Nothing found' : `${plural(hits.length, 'hit')} in ${plural(sessions, 'session')}`;
  if (complete) return `${count}.`;
  const more = hits.length === limit ? 'there are more; see --limit' : 'some files could not be read';
  return `${count}; ${more}.`;
}

/** `index` */
export async function updateIndex(context: CliContext): Promise<number> {
  const { terminal, interrupted } = context;
  let progress: { indexed: number; files: number } | null = null;
  for await (progress of (await context.search()).updateIndex()) {
    interrupted.throwIfAborted();
    terminal.progress(`Indexing ${progress.indexed} of ${plural(progress.files, 'file')}…`);
  }
  if (terminal.json) terminal.printJson({ indexed: progress?.indexed ?? 0, files: progress?.files ?? null });
  else if (progress === null) terminal.note('No index can be kept here; searches read the files.');
  else terminal.note(`${plural(progress.indexed, 'file')} indexed.`);
  return 0;
}
