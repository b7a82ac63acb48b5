import type { z } from 'zod';
import { refuse } from '../errors.ts';
import type { Operator } from './recorded.ts';

/** One operation, its input judged before it runs. */
export interface Operation {
  /** @throws Refusal `usage` for an input of another form, and those of the operation */
  run(operator: Operator, input: unknown): Promise<unknown>;
}

/** An operation from the form of its input and what it does. */
export function operation<S extends z.ZodType>(
  form: S,
  act: (operator: Operator, input: z.output<S>) => Promise<unknown>,
): Operation {
  return {
    async run(operator, input) {
      const parsed = form.safeParse(input);
      // Paths and rules only: a value could be a secret.
      if (!parsed.success)
        throw refuse(
          'usage',
          `the input is refused: ${parsed.error.issues.map(({ path, code }) => `${path.join('.') || 'input'} (${code})`).join(', ')}`,
        );
      return act(operator, parsed.data);
    },
  };
}
