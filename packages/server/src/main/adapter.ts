import { refuse } from '../errors.ts';

/**
 * Load an adapter whose packages are installed only where it is used.
 *
 * @param needs which setting needs which package, for whoever has to install it
 * @throws Refusal `config_invalid` when the package is not installed
 */
export async function loadAdapter<M>(
  load: () => Promise<M>,
  needs: { readonly setting: string; readonly package: string },
): Promise<M> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw refuse(
      'config_invalid',
      `${needs.setting} needs a package that is not installed: npm install ${needs.package}`,
      error.message,
    );
  }
}
