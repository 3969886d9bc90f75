/** Rules of the Messages API that a request can break, as far as they can be known before it is sent. */
export type RequestRule =
  | 'no_messages'
  | 'first_role'
  | 'unknown_role'
  | 'system_place'
  | 'empty_message'
  | 'empty_text'
  | 'block_role'
  | 'call_unanswered'
  | 'result_without_call'
  | 'result_twice'
  | 'results_not_first'
  | 'call_id_twice'
  | 'call_shape'
  | 'server_call_id'
  | 'server_call_unanswered'
  | 'server_result_without_call'
  | 'tool_reference'
  | 'error_without_content'
  | 'thinking_unsigned'
  | 'thinking_place'
  | 'thinking_budget'
  | 'trailing_space'
  | 'image_source'
  | 'image_size'
  | 'tools_missing'
  | 'tool_name'
  | 'tool_schema'
  | 'cache_marks'
  | 'cache_mark_place'
  | 'cache_mark_order'
  | 'ill_formed_text'
  | 'too_large';

/** One way in which the API would refuse a request. */
export interface RequestProblem {
  rule: RequestRule;
  /** Where, as the API names it: `messages.4.content.0`; empty for the whole body. */
  path: string;
  /** A sentence for a person. */
  message: string;
}

/** The same for the same rule at the same place. */
export function problemKey({ rule, path }: RequestProblem): string {
  return `${rule} ${path}`;
}

/** Notes a broken rule. */
export type Complain = (rule: RequestRule, path: string, message: string) => void;
