/** `npm run -s api-client -- <name> <permission>…`: makes a secret for an API client, and its entry of `API_CLIENTS`. */
import { apiClientsSchema } from '../server/api-clients.ts';
import { generateClientSecret } from '../server/crypto/client-secret.ts';

const [name = '', ...permissions] = process.argv.slice(2);
const { secret, hash } = generateClientSecret();
const entry = JSON.stringify([{ name, permissions, secret_hashes: [hash] }]);
const { error } = apiClientsSchema.safeParse(entry);

if (error !== undefined || permissions.length === 0) {
  console.error('Usage: npm run -s api-client -- <name> <permission> …');
  console.error('For instance: npm run -s api-client -- dispatch users:read sessions:write');
  for (const issue of error?.issues ?? []) console.error(`  ${issue.message}`);
  process.exitCode = 2;
} else {
  console.log(`The secret, which is shown only now: ${secret}`);
  console.log(`In .env, or as one more element of what is there:\nAPI_CLIENTS='${entry}'`);
}
