import * as z from 'zod';

// Must be imported before any schema: zod's compiled parsers need `eval`, which the page's policy forbids.
z.config({ jitless: true });
