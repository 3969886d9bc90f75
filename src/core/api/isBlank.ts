/** No text, or one of white space only. */
export const isBlank = (text: unknown): boolean => typeof text !== 'string' || text.trim() === '';
