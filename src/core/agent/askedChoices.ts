import { plainText } from '../plainText.ts';
import { recordOf } from '../recordOf.ts';

/** A question that an agent asks with options (`AskUserQuestion`). */
export interface AskedChoice {
  /** As it was asked: the answer names it by this text. */
  question: string;
  header: string;
  several: boolean;
  options: { label: string; description: string }[];
}

/** The questions of an `AskUserQuestion`; what is none is left out. Everything in them comes from a model. */
export function choicesOf(input: unknown): AskedChoice[] {
  const { questions } = recordOf(input);
  return (Array.isArray(questions) ? questions : []).flatMap((given: unknown) => {
    const { question, header, multiSelect, options } = recordOf(given);
    if (typeof question !== 'string') return [];
    return {
      question,
      header: typeof header === 'string' ? plainText(header) : '',
      several: multiSelect === true,
      options: (Array.isArray(options) ? options : []).flatMap((option: unknown) => {
        const { label, description } = recordOf(option);
        if (typeof label !== 'string') return [];
        return { label, description: typeof description === 'string' ? plainText(description) : '' };
      }),
    };
  });
}
