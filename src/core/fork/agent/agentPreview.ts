import type { FoundAgent, PlaceOption } from '../../agent/agentPorts.ts';
import type { AgentPlan, PlacedFiles } from '../../agent/agentSettings.ts';
import type { SetupOffer } from '../../agent/setupOffers.ts';
import { pathInside } from '../../files/filePaths.ts';
import { firstOf, plural } from '../../format.ts';
import type { AgentPlanning, AgentProject } from './agentPlanning.ts';

/** What a person is told of agent branches before they run. */
export interface AgentPreview {
  agent: FoundAgent;
  /** Folder that the session ran in, absolute. */
  folder: string;
  /** The place that would be taken, null where none can be had. */
  place: PlaceOption | null;
  places: PlaceOption[];
  filesChoice: string;
  files: { exact: number; likely: number; unknown: number };
  /** Commit to begin from, null for what is checked out. */
  base: string | null;
  warnings: string[];
  /** Set-up that the repository has for other tools, the most fitting first; none in an overlay, which has everything. */
  setupOffers: SetupOffer[];
}

/** What is known of a run of agents before its places are tried. */
export interface PlannedAgents {
  agent: FoundAgent;
  plan: AgentPlan;
  project: AgentProject;
  files: PlacedFiles;
  /** Whether anything stands before the prompt. */
  hasHistory: boolean;
  /** Version of Claude Code that recorded what stands before the prompt, null where that isn't known. */
  recordedVersion: string | null;
  /** How the commit to begin from is known. */
  notes: readonly string[];
}

/** Tries what places can be had, and says what they would hold. */
export async function previewAgents(
  planned: PlannedAgents,
  { placeOptions }: Pick<AgentPlanning, 'placeOptions'>,
): Promise<AgentPreview> {
  const { agent, plan, files, notes } = planned;
  const [places, brought] = await Promise.all([placeOptions(plan.folder), broughtAlong(planned)]);
  const place = places.find(({ kind, available }) => available && (plan.place === 'auto' || kind === plan.place));
  const count = (certainty: string): number => files.files.filter((file) => file.certainty === certainty).length;
  return {
    agent,
    folder: plan.folder,
    place: place ?? null,
    places,
    filesChoice: plan.filesChoice,
    files: { exact: count('exact'), likely: count('likely'), unknown: files.unknown.length },
    base: plan.base,
    warnings: [
      ...notes,
      ...brought,
      ...files.warnings,
      ...recordedNotes(plan),
      ...versionNotes(planned),
      ...pathNotes(planned, place),
    ],
    setupOffers: await offersFor(planned, place),
  };
}

/** What a place begins with although no recording has it: a person who wants the files of a turn may not expect that. */
async function broughtAlong({ plan, project, files }: PlannedAgents): Promise<string[]> {
  if (plan.filesChoice !== 'turn' || plan.base !== null) return [];
  const placed = new Set(files.files.map(({ path }) => path));
  const others = (await project.uncommitted()).filter((path) => !placed.has(path));
  if (others.length === 0) return [];
  const names = others.map((path) => pathInside(plan.folder, path) ?? path);
  const what = `${plural(others.length, 'uncommitted file')} of your tree ${others.length === 1 ? 'comes' : 'come'} along`;
  return [`${what}: ${firstOf(names, 3)}`];
}

/** What the branches are compared with was never there in this form. */
function recordedNotes({ filesChoice, recordedEnd }: AgentPlan): string[] {
  if (filesChoice === 'turn' || recordedEnd === null) return [];
  const files = filesChoice === 'now' ? 'your present files' : `the files of ${filesChoice}`;
  return [
    `“Recorded” was never there in this form: it is ${files} with what the recorded turns left put over them. Checks run on that; diffs with it show no recorded changes of files.`,
  ];
}

function versionNotes({ agent: { version }, hasHistory, recordedVersion }: PlannedAgents): string[] {
  if (!hasHistory || version === null || recordedVersion === null || version === recordedVersion) return [];
  return [
    `Claude Code ${version} answers, ${recordedVersion} recorded: another version sends other tools and another system prompt, so the equal part may end at once, and the prompt cache not hit.`,
  ];
}

function pathNotes({ hasHistory }: PlannedAgents, place: PlaceOption | undefined): string[] {
  if (place === undefined || place.kind === 'overlay') return [];
  const elsewhere = `A ${place.kind} lies at another path`;
  if (!hasHistory) return [`${elsewhere}: paths of the project are rewritten in the prompt.`];
  return [
    `${elsewhere}: the prompt cache hits up to the first recorded path only, for paths of the project are rewritten, in the prompt too.`,
  ];
}

/** Only for places that lack what git ignores, and without what runs anyway. */
async function offersFor({ plan, project }: PlannedAgents, place: PlaceOption | undefined): Promise<SetupOffer[]> {
  if (place === undefined || place.kind === 'overlay') return [];
  const offers = await project.setupOffers();
  return offers.filter(({ commands }) => !commands.every((command) => plan.setup.includes(command)));
}
