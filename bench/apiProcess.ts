import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What the API was asked so far. */
export interface Asked {
  requests: number;
  /** Without those whose messages had come before. */
  different: number;
}

/** The stand-in for the API in a process of its own: what it keeps of requests is none of the host's memory. */
export interface ApiProcess {
  baseUrl: string;
  asked(): Promise<Asked>;
  close(): void;
}

export async function startApiProcess(): Promise<ApiProcess> {
  const child = fork(fileURLToPath(new URL('./messagesApiProgram.ts', import.meta.url)));
  const [baseUrl] = (await once(child, 'message')) as [string];
  return {
    baseUrl,
    async asked() {
      const answer = once(child, 'message');
      child.send('asked');
      const [asked] = (await answer) as [Asked];
      return asked;
    },
    close: () => void child.kill('SIGKILL'),
  };
}
