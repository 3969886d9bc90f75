import { isSetUp, setupText } from '../../core/setup/setupCheck.ts';
import type { CliContext } from '../context.ts';

/** `doctor` */
export async function doctor(context: CliContext): Promise<number> {
  const { checkSetup } = await context.services();
  const checks = await checkSetup({ folder: process.cwd() });
  if (context.terminal.json) context.terminal.printJson({ checks });
  else context.terminal.print(setupText(checks));
  return isSetUp(checks) ? 0 : 1;
}
