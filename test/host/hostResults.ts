/** What the suite in the extension host hands back to the runner, by full titles. */
export interface HostResults {
  passed: string[];
  failed: { title: string; error: string }[];
  skipped: string[];
  activationMs: number | null;
}
