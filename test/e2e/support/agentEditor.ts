import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { BrowserContext } from 'playwright-core';
import { toolPath } from '../../../scripts/tools.ts';
import { currentClaude, isAside } from '../../support/agentStage.ts';
import { claudeEnvironment } from '../../support/claudeEnvironment.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from '../../support/messagesApi.ts';
import { startEditor } from './editor.ts';
import { Workbench } from './workbench.ts';

const execFileAsync = promisify(execFile);

/** The prompt that the tests fork before. */
export const recordedPrompt = 'Now handle emoji';

/** An editor on a project with a session of the real Claude Code, whose agents are answered by a script on loopback. */
export interface AgentEditor {
  scratch: string;
  /** The project's folder: a git repository of its own. */
  project: string;
  api: MessagesApi;
  workbench: Workbench;
  close(): Promise<void>;
}

export interface AgentEditorOptions {
  /** Files of the project's first commit. */
  files: Record<string, string>;
  /** What the model says to the agents of a run. */
  answer(request: ReceivedRequest, project: string): Reply;
  settings?: Record<string, unknown>;
  env?: Record<string, string>;
}

/** Records a session of two prompts, then opens the editor. */
export async function openAgentEditor(
  browser: BrowserContext,
  { files, answer, settings = {}, env: more = {} }: AgentEditorOptions,
): Promise<AgentEditor> {
  const ends: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of ends.reverse()) await end();
  };
  try {
    const scratch = await realpath(await mkdtemp(path.join(tmpdir(), 'forkpoint-agents-')));
    ends.push(() => rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
    const project = path.join(scratch, 'shop');
    for (const folder of [project, path.join(scratch, 'home'), path.join(scratch, 'claude')]) await mkdir(folder);
    let recording = true;
    const api = await startMessagesApi((request) => {
      if (isAside(request)) return 'aside';
      return recording ? 'Because it keeps ASCII only.' : answer(request, project);
    });
    ends.push(() => api.close());
    const folders = { home: path.join(scratch, 'home'), configDir: path.join(scratch, 'claude') };
    const env = claudeEnvironment({ ...folders, baseUrl: api.baseUrl });
    await record(project, files, env);
    recording = false;
    const server = await startEditor({
      workspace: project,
      settings,
      env: {
        ...env,
        FORKPOINT_CLAUDE: toolPath(`claude-code-${currentClaude}`),
        FORKPOINT_HOME: path.join(scratch, 'forkpoint'),
        ...more,
      },
    });
    ends.push(() => server.stop());
    const workbench = await Workbench.open(browser, server.url);
    ends.push(() => workbench.close());
    return { scratch, project, api, workbench, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A session of the real Claude Code of two prompts, in a repository of its own. */
async function record(project: string, files: Record<string, string>, env: Record<string, string>): Promise<void> {
  const git = (...args: string[]) => execFileAsync('git', args, { cwd: project, env });
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(project, name), text);
  await git('init', '-q');
  await git('config', 'user.name', 'A');
  await git('config', 'user.email', 'a@example.com');
  await git('add', '.');
  await git('commit', '-qm', 'First');
  const claude = toolPath(`claude-code-${currentClaude}`);
  const ask = (...args: string[]) => {
    const asked = execFileAsync(claude, ['-p', ...args], { cwd: project, env });
    asked.child.stdin?.end();
    return asked;
  };
  await ask('Why does slugify drop accents?');
  await ask(recordedPrompt, '--continue');
}
