import type { FoundAgent, PlaceOption } from '../../agent/agentPorts.ts';
import type { PlacedFiles } from '../../agent/agentSettings.ts';
import type { SetupOffer } from '../../agent/setupOffers.ts';
import type { BlobRef } from '../../ids.ts';
import type { OpenSession } from '../sessionStore.ts';
import type { FilesMoment } from './placedFilesOf.ts';

/** What planning agent branches needs of the machine. */
export interface AgentPlanning {
  find(): Promise<FoundAgent | null>;
  placeOptions(folder: string): Promise<PlaceOption[]>;
  /** Claude Code's config folder that a session of this transcript belongs into. */
  configDirOf(file: string): string;
  /** The project that a session's folder belongs to, as it is now. @throws PlaceError where the folder is not there */
  project(folder: string): Promise<AgentProject>;
}

/** A project that agents are to work on. Only read. */
export interface AgentProject {
  /** Set-up that it has for other tools. */
  setupOffers(): Promise<SetupOffer[]>;
  /**
   * The commit to begin from, null for what is checked out now, with what a person must know of it.
   * @throws BadInputError for a name that is no commit there
   */
  baseOf(open: OpenSession, moment: FilesMoment, choice: string): Promise<{ commit: string | null; notes: string[] }>;
  /** Allow rules of its own settings. */
  rules(): Promise<string[]>;
  /** Its files at a moment, stored. */
  placedFiles(open: OpenSession, moment: FilesMoment, put: (value: unknown) => Promise<BlobRef>): Promise<PlacedFiles>;
  /** Absolute paths, as recorded, of what differs from the commit that is checked out and isn't ignored. */
  uncommitted(): Promise<string[]>;
}
