// What tests of other packages may use: contract kits, and stand-ins that keep the promises they stand in for.
export { oneKeySealer } from './one-key-sealer.ts';
