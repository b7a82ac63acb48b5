import { Refusal } from '../../refusal.ts';

/** What was opened, or something else where its keys were destroyed. @throws whatever the opening throws otherwise */
export async function unlessShredded<V, W>(opening: Promise<V>, otherwise: () => W): Promise<V | W> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'key_shredded') return otherwise();
    throw error;
  }
}
