import type * as sqlite from 'node:sqlite';

type Sqlite = typeof sqlite;

let loaded: Sqlite | null | undefined;

/** Node's own SQLite; null where this Node has none (before 22.5). Loaded when first asked for. */
export function loadSqlite(): Sqlite | null {
  loaded ??= withoutWarning(() => process.getBuiltinModule?.('node:sqlite') ?? null);
  return loaded;
}

// Node 22 prints a line about the module's being experimental; it must not stand in a command's output.
function withoutWarning<T>(load: () => T): T {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
