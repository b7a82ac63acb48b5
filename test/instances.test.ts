import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDeployment, type Deployment } from './instances-stage.ts';
let site: Deployment;
beforeAll(async () => { site = await openDeployment(); });
afterAll(() => site.close());
it('starts', async () => {
  expect((await fetch(`${site.origin}/health`, {headers: {'x-to': 'b'}})).status).toBe(200);
  console.log(site.signInLink, site.a.stderr(), site.b.stderr());
});
