import { describeAgentContract } from './agentContract.ts';

describeAgentContract('in-process', (stage) => stage.services());
