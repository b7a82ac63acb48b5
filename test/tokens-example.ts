import { SecureTokenManager } from '@sealgate/vault/tokens';

const tokens = new SecureTokenManager();
await tokens.connect();

// Store, get, delete

await tokens.storeToken('client-1', 'stripe', 'sk_live_4242');
console.log('stripe:', await tokens.getToken('client-1', 'stripe'));
await tokens.deleteToken('client-1', 'stripe');
console.log('deleted:', await tokens.getToken('client-1', 'stripe'));

// With the client's own key, and a time of its own

const ownKey = process.argv[2];
await tokens.storeToken('client-2', 'paypal', 'A21AAF-4242', ownKey, { ttlSeconds: 3600 });
console.log('paypal:', await tokens.getToken('client-2', 'paypal'));

// Made once, whoever asks

let made = 0;
const mint = async () => ({ token: `token-${(made += 1)}`, ttlSeconds: 600 });
const asked = [1, 2, 3].map(() => tokens.getOrCreate('client-3', 'adyen', mint));
console.log('adyen:', ...(await Promise.all(asked)));

// Out of reach, now

await tokens.revoke('client-2');

await tokens.disconnect();
