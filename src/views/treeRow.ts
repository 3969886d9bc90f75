import type { UriParts } from './documentUris.ts';

/** Theme colours that our rows use. */
export type RowColor =
  | 'testing.iconPassed'
  | 'testing.iconFailed'
  | 'testing.iconQueued'
  | 'charts.yellow'
  | 'problemsWarningIcon.foreground'
  | 'disabledForeground';

/** One row of a tree as plain data, so that what a tree shows can be tested without VS Code. Texts are clean already. */
export interface TreeRow {
  /** Stable over refreshes and unique in its tree. */
  id: string;
  label: string;
  description: string;
  /** A codicon. */
  icon: string;
  color?: RowColor;
  /** What decorations are asked for with; of a `file` icon also what the icon theme looks at. */
  resource?: UriParts;
  /** Words for `viewItem` in `when` clauses, separated by blanks. */
  context: string;
  children: 'none' | 'collapsed' | 'expanded';
  /** What a screen reader says: role, name and state. */
  accessibilityLabel: string;
}
