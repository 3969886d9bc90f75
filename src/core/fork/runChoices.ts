import * as z from 'zod';

// Apart from requests, whose many schemas every workflow would make anew at its start: plans need only these.

export const engineKindSchema = z.enum(['in-process', 'temporal']);
export type EngineKind = z.infer<typeof engineKindSchema>;

export const toolPolicySchema = z.enum(['recorded', 'stop']);
export type ToolPolicy = z.infer<typeof toolPolicySchema>;
