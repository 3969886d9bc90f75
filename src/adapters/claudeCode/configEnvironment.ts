import { homedir } from 'node:os';
import { resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** The user's home folder as programs see it that are started with this environment. */
export function homeIn(env: Environment): string {
  return env.HOME || env.USERPROFILE || homedir();
}

/**
 * The environment in which Claude Code uses this config folder. The variable is set only where the folder isn't the one
 * that is used anyway: with it Claude Code looks for its login and its global settings elsewhere, even where it names the
 * usual folder.
 */
export function configEnvironment(env: Environment, configDir: string): Environment {
  const { CLAUDE_CONFIG_DIR: given, ...rest } = env;
  if (given !== undefined && given !== '' && resolve(given) === resolve(configDir)) return env;
  const usual = resolve(homeIn(env), '.claude');
  return usual === resolve(configDir) ? rest : { ...rest, CLAUDE_CONFIG_DIR: configDir };
}
