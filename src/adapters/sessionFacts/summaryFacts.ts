import { readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { expiryOf, retentionDays } from '../../core/archive/retention.ts';
import { comparablePath, isWithin, projectFolder } from '../../core/session/projectFolder.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { configFolderOf, pathInConfig, projectsIn, sessionIdOf } from '../claudeCode/layout.ts';
import { projectFolders } from '../claudeCode/projectFiles.ts';
import { isAbsent } from '../fileErrors.ts';
import { Checkouts } from '../git/checkouts.ts';
import { entriesOf } from '../plainFiles.ts';
import { folderNames } from '../sessions/folderNames.ts';
import { folderOf } from '../sessions/foreignTitles.ts';
import { BranchOrigins } from './branchOrigins.ts';
import { Families } from './families.ts';

const outsideGit = { repository: null, worktree: null };

/**
 * Adds to summaries what does not stand in the transcript itself: its repository, its parent, whether a copy is kept and
 * when Claude Code may delete it.
 */
export class SummaryFacts {
  readonly #archive: string;
  readonly #archiveStart: string;
  readonly #checkouts: Checkouts;
  readonly #families: Families;

  /** @param folders `archive`: our archive of sessions; `home`: our data folder. Both absolute, existing or not */
  constructor({ archive, home }: { archive: string; home: string }) {
    this.#archive = archive;
    this.#archiveStart = archive + sep;
    this.#checkouts = new Checkouts(home);
    this.#families = new Families(home);
  }

  /**
   * The summaries, completed, in the same order.
   * @param all every session that the given ones may be related to
   */
  async complete(summaries: readonly SessionSummary[], all = summaries): Promise<SessionSummary[]> {
    const [kept, checkouts, days, origins] = await Promise.all([
      this.keptPlaces(),
      this.#checkouts.find(summaries.flatMap(({ projectPath }) => projectPath ?? [])),
      retentionByFolder(summaries),
      this.#families.origins(all),
    ]);
    const forkedFrom = [...origins.values(), ...summaries.flatMap((summary) => summary.forkedFrom ?? [])];
    const sources = new Set<string>(forkedFrom.map(({ sessionId }) => sessionId));
    const costs = new Map<string, number | null>(
      all.filter(({ sessionId }) => sources.has(sessionId)).map(({ sessionId, costUsd }) => [sessionId, costUsd]),
    );
    return summaries.map((summary) => {
      const archived = this.isArchived(summary.file);
      const retention = days.get(folderOf(summary.file)) ?? null;
      const forkedFrom = origins.get(summary.file) ?? summary.forkedFrom;
      const checkout = summary.projectPath === null ? null : checkouts.get(summary.projectPath);
      return {
        ...summary,
        repository: checkout?.repository ?? null,
        worktree: checkout?.worktree ?? null,
        forkedFrom,
        costUsd:
          // Sessions that branches begin with hold no total: Claude Code counts from nothing there.
          forkedFrom === null || BranchOrigins.mayHave(summary.sessionId)
            ? summary.costUsd
            : ownCost(summary.costUsd, costs.get(forkedFrom.sessionId) ?? null),
        kept: kept.size > 0 && kept.has(pathInConfig(summary.file)),
        archived,
        expiresAt: archived ? null : expiryOf(summary.modifiedAt, retention),
      };
    });
  }

  /**
   * Tells whether a session counts to a project: it ran in its folder or below, in any worktree of its repository. Links
   * are followed, so all names of a folder find the same sessions.
   * @param project path of a folder
   */
  async projectMatcher(project: string): Promise<(session: SessionSummary) => boolean> {
    const paths = await folderNames(project);
    const checkouts = await this.#checkouts.find(paths);
    const folders = new Set(paths);
    for (const path of paths) {
      const folder = projectFolder({ projectPath: path, ...(checkouts.get(path) ?? outsideGit) });
      if (folder !== null) folders.add(folder);
    }
    const compared = [...folders].map(comparablePath);
    return (session) =>
      [session.projectPath, projectFolder(session)].some(
        (path) => path !== null && compared.some((folder) => isWithin(comparablePath(path), folder)),
      );
  }

  isArchived(file: string): boolean {
    return file.startsWith(this.#archiveStart);
  }

  /** Where in a config folder the sessions lie that the archive has copies of. */
  async keptPlaces(): Promise<ReadonlySet<string>> {
    const folders = await projectFolders(projectsIn(this.#archive));
    const places = folders.map(async (folder) =>
      (await entriesOf(folder)).flatMap(({ name }) =>
        sessionIdOf(name) === null ? [] : pathInConfig(join(folder, name)),
      ),
    );
    return new Set((await Promise.all(places)).flat());
  }
}

/**
 * What a fork itself has cost: Claude Code goes on counting from the total of its source.
 * @returns null where that total is unknown, or the source went on and cost more since
 */
function ownCost(total: number | null, source: number | null): number | null {
  return total === null || source === null || source > total ? null : total - source;
}

/** How many days the sessions of each project's folder are kept; null where they stay, or lie outside a config folder. */
async function retentionByFolder(summaries: readonly SessionSummary[]): Promise<Map<string, number | null>> {
  const projects = [...new Set(summaries.map(({ file }) => folderOf(file)))];
  const configs = new Map(projects.map((project) => [project, configFolderOf(join(project, 'any'))]));
  const days = [...new Set(configs.values())].map(
    async (config) => [config, config === null ? null : await retentionOf(config)] as const,
  );
  const byConfig = new Map(await Promise.all(days));
  return new Map(projects.map((project) => [project, byConfig.get(configs.get(project) ?? null) ?? null]));
}

async function retentionOf(folder: string): Promise<number | null> {
  let text: string;
  try {
    text = await readFile(join(folder, 'settings.json'), 'utf8');
  } catch (error) {
    return isAbsent(error) ? retentionDays(null) : null;
  }
  try {
    return retentionDays(JSON.parse(text));
  } catch {
    // Claude Code sweeps nothing while it can't read its settings.
    return null;
  }
}
