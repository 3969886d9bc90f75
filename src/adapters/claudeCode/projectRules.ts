import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';

const settingsSchema = z.object({ permissions: z.object({ allow: z.array(z.string()) }) });

/** The allow rules of a project's `.claude/settings.json`; none where there is no such file or it says none. @param root absolute */
export async function projectRules(root: string): Promise<string[]> {
  const text = await readFile(path.join(root, '.claude', 'settings.json'), 'utf8').catch(() => '');
  try {
    return settingsSchema.parse(JSON.parse(text)).permissions.allow;
  } catch {
    return [];
  }
}
