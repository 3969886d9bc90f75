import type { AgentPreview } from '../../core/fork/agent/agentPreview.ts';
import { describePrefix } from '../../core/fork/describePrefix.ts';
import { modelName, moneyRange, plural, tokenCount } from '../../core/format.ts';
import { plainText } from '../../core/plainText.ts';
import type { ForkPreview } from '../../core/useCases/forkService.ts';
import { agentFacts, bypassOnlyApart, filesFact, loginFact, placeFact, placeNames } from '../agentTexts.ts';
import type { AgentTexts, ForkDraft, PreviewTexts } from './protocol.ts';

/**
 * The preview in words, for the header, the rows and the bar beside the Run button.
 * @param inContainer everything runs inside a container, which keeps commands away from the person's own files
 */
export function previewTexts(preview: ForkPreview, draft: ForkDraft, inContainer = false): PreviewTexts {
  const { agent } = preview;
  return {
    pointLabel: plainText(preview.point.label),
    fidelity: preview.fidelity,
    fidelityText: fidelityText(preview),
    missing: [...preview.missing, ...preview.completed.map(madeUp)].map(plainText),
    prefixText: prefixText(preview),
    prefixDetails: prefixDetails(preview).map(plainText),
    runLabel: `Run ${plural(preview.requests, 'branch', 'branches')}`,
    facts:
      agent === null ? [requestsFact(preview), tokensFact(preview), costFact(preview)] : agentFacts(preview, agent),
    billed: preview.billed,
    recordedModel: preview.recordedModel,
    recordedModelName: modelName(preview.recordedModel),
    notes: preview.notes.map(plainText),
    branchNotes: draft.branches
      .map(({ key }, index) => ({ key, notes: (preview.branches[index]?.notes ?? []).map(plainText) }))
      .filter(({ notes }) => notes.length > 0),
    executor: preview.executor,
    agent: agent === null ? null : agentTexts(agent, inContainer),
  };
}

function agentTexts(agent: AgentPreview, inContainer: boolean): AgentTexts {
  const best = agent.places.find(({ available }) => available)?.kind;
  return {
    place: placeFact(agent),
    places: [
      {
        place: 'auto',
        label: best === undefined ? 'the best that can be had' : `the best that can be had (${best})`,
        available: true,
      },
      ...agent.places.map(({ kind, available }) => ({ place: kind, label: placeNames[kind], available })),
    ],
    login: loginFact(agent.agent),
    files: filesFact(agent),
    warnings: agent.warnings.map(plainText),
    setupOffers: agent.setupOffers.map(({ source, commands }) => ({
      source: plainText(source),
      text: commands.map(plainText).join('\n'),
      commands,
    })),
    bypassRefused: mayBypass(agent, inContainer) ? null : bypassOnlyApart,
  };
}

/** Whether agents may go on without asking where they would work. */
export function mayBypass({ place }: AgentPreview, inContainer: boolean): boolean {
  return place !== null && (place.kind === 'overlay' || inContainer);
}

function fidelityText(preview: ForkPreview): string {
  if (preview.fidelity === 'exact') return 'Rebuilt from Claude Code’s request log; the digest verifies.';
  const from = preview.digestVerified
    ? 'Rebuilt from Claude Code’s request log, the digest verifies'
    : 'Rebuilt from the transcript';
  if (preview.missing.length === 0) return `${from}.`;
  return `${from}; ${preview.missing.length === 1 ? 'one thing is' : `${preview.missing.length} things are`} missing.`;
}

function madeUp({ tool, content }: ForkPreview['completed'][number]): string {
  return `a result of ${tool}: “${content}” stands in its place`;
}

function prefixText({ prefix, executor }: ForkPreview): string {
  return capitalised(plainText(describePrefix(prefix, executor).text));
}

/** More of the unchanged fork, and a line for each branch whose beginning is another one. */
function prefixDetails({ prefix, branches }: ForkPreview): string[] {
  const { text, details } = describePrefix(prefix);
  const others = branches.flatMap((branch) => {
    const own = describePrefix(branch.prefix).text;
    return own === text ? [] : `${branch.name}: ${own}.`;
  });
  return [...details, ...others];
}

function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function requestsFact({ requests, maxRequests, host }: ForkPreview) {
  const where = host === null ? 'to the offline demo model' : `to ${plainText(host)}`;
  return {
    text: `${plural(requests, 'request')} ${where}`,
    tooltip: `Every branch begins with one request. With the tool calls that the recording answers, at most ${maxRequests.toLocaleString('en-US')} are sent.`,
  };
}

function tokensFact({ branches }: ForkPreview) {
  const known = branches.map((branch) => branch.estimatedInputTokens).filter((tokens) => tokens !== null);
  const tooltip = 'Input of the first request of each branch, estimated from the recording.';
  if (known.length < branches.length || known.length === 0) return { text: 'input tokens unknown', tooltip };
  const low = tokenCount(Math.min(...known));
  const high = tokenCount(Math.max(...known));
  const each = branches.length > 1 || (branches[0]?.repeats ?? 1) > 1 ? ' each' : '';
  return { text: `about ${low === high ? low : `${low}–${high}`} tokens${each}`, tooltip };
}

function costFact({ billed, costUsd, unpriced }: ForkPreview) {
  if (!billed)
    return {
      text: 'not billed',
      tooltip: 'The demo model runs on this machine. Nothing is sent and nothing is billed.',
    };
  if (costUsd === null) {
    const models = unpriced.map(modelName).join(', ');
    return {
      text: moneyRange(null),
      tooltip: models ? `No price is known for ${models}.` : 'The cost can’t be estimated.',
    };
  }
  return {
    text: moneyRange(costUsd),
    tooltip: 'From the first request of every branch with a short reply to all requests with full-length replies.',
  };
}
