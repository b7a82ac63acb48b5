import { keysAsked } from '/tmp/k5/bench/tokens-keys.ts';
const from = Date.now();
console.log(JSON.stringify(await keysAsked()), (Date.now() - from) / 1000, 's');
