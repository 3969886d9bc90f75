import type { SessionChange } from '../../core/fork/sessionStore.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { groupSessions, newestFirst, orderProjects, projectId } from './groupSessions.ts';
import type { ProjectNode, SessionNode } from './sessionNodes.ts';

/** What of the tree a change touches: a row with what is below it, or everything. */
export type Touched = ProjectNode | SessionNode | 'all';

/**
 * The sessions and projects that the tree shows. Its nodes keep their identity over changes, because VS Code knows rows by
 * their objects and refreshes only the ones it is told of.
 */
export class SessionList {
  #sessions = new Map<string, SessionNode>();
  #projects = new Map<string, ProjectNode>();
  #order: ProjectNode[] = [];
  #folders: readonly string[];

  /** @param workspaceFolders absolute paths of the open folders */
  constructor(workspaceFolders: readonly string[]) {
    this.#folders = workspaceFolders;
  }

  get projects(): readonly ProjectNode[] {
    return this.#order;
  }

  /** All sessions in the order of the tree. */
  get sessions(): SessionNode[] {
    return this.#order.flatMap(({ sessions }) => sessions);
  }

  find(file: string): SessionNode | undefined {
    return this.#sessions.get(file);
  }

  projectOf(session: SessionNode): ProjectNode | undefined {
    return this.#projects.get(projectId(session.summary));
  }

  /** Sessions that were forked from this one, the newest first. */
  forksOf({ sessionId, file }: SessionSummary): SessionSummary[] {
    return this.sessions
      .map(({ summary }) => summary)
      .filter((summary) => summary.forkedFrom?.sessionId === sessionId && summary.file !== file);
  }

  /** The session of that id; of several copies that of the same project, else the newest. */
  findById(sessionId: string, near?: SessionNode): SessionNode | undefined {
    const found = this.sessions.filter(({ summary }) => summary.sessionId === sessionId);
    const project = near && this.projectOf(near);
    return found.find((session) => this.projectOf(session) === project) ?? found[0];
  }

  /** Replaces everything. */
  reset(summaries: readonly SessionSummary[], workspaceFolders: readonly string[] = this.#folders): void {
    this.#folders = workspaceFolders;
    const known = this.#sessions;
    this.#sessions = new Map();
    for (const summary of summaries) {
      const node = known.get(summary.file) ?? nodeOf(summary);
      node.summary = summary;
      this.#sessions.set(summary.file, node);
    }
    this.#regroup();
  }

  /** Takes in one change. Returns the smallest part of the tree that looks different now, null where nothing does. */
  apply(change: SessionChange): Touched | null {
    if (change.kind === 'removed') {
      if (!this.#sessions.delete(change.file)) return null;
      return this.#regroupAndCompare() ?? 'all';
    }
    const { session } = change;
    const known = this.#sessions.get(session.file);
    const before = known && this.projectOf(known);
    const node = known ?? nodeOf(session);
    node.summary = session;
    this.#sessions.set(session.file, node);
    const stays = before !== undefined && before === this.projectOf(node);
    return stays ? this.#reorder(node, before) : (this.#regroupAndCompare() ?? node);
  }

  /** Puts a session that has changed at its place among the others of its project, without a look at the rest. */
  #reorder(node: SessionNode, project: ProjectNode): Touched {
    const { sessions } = project;
    const at = sessions.indexOf(node);
    const others = sessions.toSpliced(at, 1);
    const newer = others.findIndex((other) => newestFirst(node, other) < 0);
    const place = newer < 0 ? others.length : newer;
    if (place !== at) project.sessions = others.toSpliced(place, 0, node);
    const order = orderProjects(this.#order);
    const moved = !same(order, this.#order);
    this.#order = order;
    return moved ? 'all' : place === at ? node : project;
  }

  /** Regroups; returns what moved, null where every row is still at its place. */
  #regroupAndCompare(): Touched | null {
    const before = this.#order.map((project) => ({ project, sessions: project.sessions }));
    this.#regroup();
    const projectsMoved = !same(
      before.map(({ project }) => project),
      this.#order,
    );
    const moved = before
      .filter(({ project, sessions }) => !same(sessions, project.sessions))
      .map(({ project }) => project);
    if (projectsMoved || moved.length > 1) return 'all';
    return moved[0] ?? null;
  }

  #regroup(): void {
    const groups = groupSessions([...this.#sessions.values()], this.#folders);
    const projects = new Map<string, ProjectNode>();
    this.#order = groups.map((group) => {
      const node = this.#projects.get(group.id) ?? group;
      Object.assign(node, group);
      projects.set(node.id, node);
      return node;
    });
    this.#projects = projects;
  }
}

function nodeOf(summary: SessionSummary): SessionNode {
  return { kind: 'session', id: `session:${summary.file}`, file: summary.file, summary };
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
