// A thread that reads sessions for the extension host, whose own thread has to answer the editor all the time.
import { parentPort, workerData } from 'node:worker_threads';
import { createReadingSearch } from './createReadingSearch.ts';
import { createReadingStore, type ReadingFolders } from './createReadingStore.ts';
import { createReaderTasks, type ReaderTasks } from './readerTasks.ts';
import { serveTasks } from './serveTasks.ts';

const folders = workerData as ReadingFolders;
const sessions = createReadingStore(folders);
const tasks = createReaderTasks(sessions, createReadingSearch(sessions, folders.home));
if (parentPort !== null) serveTasks<ReaderTasks>(parentPort, tasks);
