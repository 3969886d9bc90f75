// What we use of Temporal's client packages, in one module to be imported lazily. They are CommonJS: importing one of them
// lazily itself would leave its names out of the bundle's chunk.
export {
  Client,
  Connection,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
export { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
export { loadClientConfig, loadClientConfigProfile, loadClientConnectConfig } from '@temporalio/envconfig';
export { clientTracing } from './clientTracing.ts';
