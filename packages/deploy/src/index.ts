/** The stacks that place Sealgate, by name. None is written yet. */
export const stacks: readonly string[] = [];
