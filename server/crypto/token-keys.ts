import { accountTokens, type AccountKeys, type TokenParties } from './account-tokens.ts';
import { createTokenKeys } from './jwt.ts';
import { PHONE_TOKENS, type PhoneKeys } from './phone-tokens.ts';
import type { TokenSecret } from './signing-key.ts';

/** The keys of both kinds of token, from the secret that signs and those that only verify. */
export async function createKeysOfBothKinds(
  parties: TokenParties,
  secrets: readonly [TokenSecret, ...TokenSecret[]],
): Promise<{ phoneKeys: PhoneKeys; accountKeys: AccountKeys }> {
  const [phoneKeys, accountKeys] = await Promise.all([
    createTokenKeys(PHONE_TOKENS, secrets),
    createTokenKeys(accountTokens(parties), secrets),
  ]);
  return { phoneKeys, accountKeys };
}
