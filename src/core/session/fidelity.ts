import * as z from 'zod';

/** Whether a request is the very one that was sent, or as near to it as the recording allows. */
export const fidelitySchema = z.enum(['exact', 'reconstructed']);
export type Fidelity = z.infer<typeof fidelitySchema>;
