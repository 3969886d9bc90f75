/*
 * The fields of Claude Code's records that a reader needs: the one table from which the whole parse, the skimmer's keys, the
 * quick reader, the stored outline and the version of the index are derived. Plain data without imports, for scripts and the
 * listing path read it too. A new fact is one line in `factTable`; one with a rule of its own also gets that in `entryFacts.ts`.
 */

type EntryType = 'system' | 'attachment' | 'assistant' | 'user';

/** What a fact is: a `reference` is the `uuid` of another record, mostly of the one before. */
type Kind = 'text' | 'reference' | 'flag';

/** A fact, and by type of the record the path of the field that says it: a text that is not empty, or `true` for a flag. */
export type FactRow = { readonly as: Kind } & { readonly [Type in EntryType]?: string };

const inMessages = (path: string) => ({ assistant: path, user: path });

export const factTable = {
  /** `subtype` of a system record, `type` of an attachment. */
  subtype: { as: 'text', system: 'subtype', attachment: 'attachment.type' },
  /** What a compaction boundary continues. */
  logicalParent: { as: 'text', system: 'logicalParentUuid', ...inMessages('logicalParentUuid') },
  /** Written by Claude Code for the model, not by the person. */
  isMeta: { as: 'flag', system: 'isMeta', attachment: 'isMeta', ...inMessages('isMeta') },
  /** `message.id` of a line of a reply. */
  messageId: { as: 'text', assistant: 'message.id' },
  model: { as: 'text', assistant: 'message.model' },
  stopReason: { as: 'text', assistant: 'message.stop_reason' },
  /** Effort that the model was asked for, as Claude Code wrote it to the reply. */
  effort: { as: 'text', assistant: 'effort' },
  /** `uuid` of the line whose tool call this line answers. */
  sourceCall: { as: 'reference', user: 'sourceToolAssistantUUID' },
  /** Subagent that a tool result came from. */
  agentId: { as: 'text', user: 'toolUseResult.agentId' },
  /** Id of the logged request that a reply answers. */
  requestRef: { as: 'text', assistant: 'requestRef' },
  /** Id of the logged request that a hook changed before this reply's request was sent. */
  changedByHook: { as: 'text', assistant: 'requestHookChanged.record' },
  /** Text of the API error that stands in place of a reply. */
  apiError: { as: 'text' },
  /** The reply or the turn was stopped here. */
  interrupted: { as: 'flag', assistant: 'isAbortedMidStream' },
  /** Output of a command that Claude Code ran itself: its parent was no prompt to the model. */
  isCommandOutput: { as: 'flag' },
  /** What a person wrote while a turn ran and Claude Code passed on within it. */
  absorbed: { as: 'text' },
  /** What was done with a prompt that waited for its turn: see `queueOperationText`. */
  queued: { as: 'text' },
} as const satisfies Record<string, FactRow>;

/** What a chained record says of where it was written. */
export const placeTable = {
  sessionId: 'sessionId',
  projectPath: 'cwd',
  gitBranch: 'gitBranch',
  version: 'version',
  /** Session that the record was copied from. */
  forkedFrom: 'forkedFrom.sessionId',
} as const;

/** Counts of a reply's `usage`; `transcriptEntry.ts` pins their names to the SDK's. */
export const usageTable = {
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  cacheReadTokens: 'cache_read_input_tokens',
  cacheWriteTokens: 'cache_creation_input_tokens',
} as const;

/** Fields that the quick reader and the skimmer look at by themselves. */
const otherPaths = [
  'type',
  'uuid',
  'parentUuid',
  'timestamp',
  'isSidechain',
  'message.role',
  'message.content',
  'message.usage',
  'isApiErrorMessage',
  'isCompactSummary',
  'isVisibleInTranscriptOnly',
  'totalCostUSD',
] as const;

/** Members of a content block. */
const blockKeys = ['type', 'text', 'id', 'name', 'tool_use_id', 'is_error'] as const;

/** Types of the unchained records that a summary needs more of than that they are there. */
export const titleTypes: ReadonlySet<string> = new Set(['cost-state', 'custom-title', 'ai-title', 'summary']);

/** Values that the skimmer tells apart. */
export const skimmedWords = ['user', 'assistant', 'tool_result', 'system', ...titleTypes];

export type FactName = keyof typeof factTable;

/** A field that says a fact. */
export interface FactField {
  name: FactName;
  path: string;
  as: Kind;
}

const factRows: readonly [string, FactRow][] = Object.entries(factTable);

/** By type of the record, the facts that its fields say. */
export const factFields: ReadonlyMap<string, readonly FactField[]> = new Map(
  (['system', 'attachment', 'assistant', 'user'] as const).map((type) => [
    type,
    factRows.flatMap(([name, { [type]: path, as }]) =>
      path === undefined ? [] : { name: name as FactName, path, as },
    ),
  ]),
);

/** All paths of fields in a record that a reader needs, each once. */
export const recordPaths: readonly string[] = [
  ...new Set([
    ...otherPaths,
    ...[...factFields.values()].flatMap((fields) => fields.map(({ path }) => path)),
    ...Object.values(placeTable),
    ...Object.values(usageTable).map((name) => `message.usage.${name}`),
  ]),
];

/** Keys whose members are noted, by number from 1; 0 stands for the members of a list. */
export const recordKeys: readonly string[] = [
  ...new Set([...recordPaths.flatMap((path) => path.split('.')), ...blockKeys]),
];

/** Those of them whose values are looked into. */
export const openedKeys: readonly string[] = [
  ...new Set(['content', ...recordPaths.flatMap((path) => path.split('.').slice(0, -1))]),
];

/** What stands for all of the above: an index that was made by another table is made anew. */
export const tableText: string = JSON.stringify([factTable, placeTable, usageTable, otherPaths, blockKeys]);
