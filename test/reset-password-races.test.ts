import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsOf, logIn, PASSWORD, register, signUp, tryLogIn } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { tally } from './support/otp.ts';
import { bearer } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import {
  countTokens,
  forget,
  INVALID_LINK,
  isVerified,
  lastVerifyToken,
  newResetToken,
  reset,
  verify,
} from './support/recovery.ts';

/** Room for every password that is to be hashed at once. */
const env = { PASSWORD_HASH_CONCURRENCY: '4' };
const nodes = [await startApp({ env }), await startApp({ env })] as const;
const [app] = nodes;

function nodeFor(index: number) {
  return nodes[index % 2 === 0 ? 0 : 1];
}

/** The `index`th of many passwords, none like another. */
function passwordNumber(index: number): string {
  return `Giraffe number ${index} eats`;
}

test('of fifty resets at once with one token, on two nodes, one succeeds', async () => {
  const account = await signUp(app);
  const token = await newResetToken(app, account.email);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      reset(nodeFor(index), token, { new_password: passwordNumber(index) }),
    ),
  );
  assert.deepEqual(tally(answers), { 200: 1, 400: 49 });
  for (const answer of answers) if (answer.status === 400) assertProblem(answer, INVALID_LINK);
  const winner = answers.findIndex(({ status }) => status === 200);
  await logIn(app, { ...account, password: passwordNumber(winner) });
  const events = await eventsOf(account.user.id);
  assert.equal(events.filter((event) => event === 'password_reset').length, 1);
});

test('of resets at once with several tokens of one user one succeeds', async () => {
  const { email, userId } = await register(app);
  const tokens: string[] = [];
  while (tokens.length < 3) tokens.push(await newResetToken(app, email));
  const answers = await Promise.all(
    tokens.map((token, index) =>
      reset(nodeFor(index), token, { new_password: passwordNumber(index) }),
    ),
  );
  assert.deepEqual(tally(answers), { 200: 1, 400: 2 });
  assert.equal(await countTokens(userId, 'reset_password'), 0);
});

test('of a reset and a change of the password at once one comes second and is refused', async () => {
  for (let round = 0; round < 5; round++) {
    const account = await signUp(app);
    const token = await newResetToken(app, account.email);
    const [changed, wasReset] = await Promise.all([
      nodes[1].request
        .post('/api/auth/change-password')
        .set(bearer(account.access_token))
        .send({ current_password: PASSWORD, new_password: passwordNumber(1) }),
      reset(app, token, { new_password: passwordNumber(2) }),
    ]);
    assert.equal([changed, wasReset].filter(({ status }) => status === 200).length, 1);
    const index = changed.status === 200 ? 1 : 2;
    await logIn(app, { ...account, password: passwordNumber(index) });
  }
});

test('a request for a link at the same moment as the end of the account fails for nobody', async () => {
  for (let round = 0; round < 5; round++) {
    const account = await signUp(app);
    const [erased, ...answers] = await Promise.all([
      app.request
        .delete('/api/auth/me')
        .set(bearer(account.access_token))
        .send({ password: PASSWORD }),
      ...Array.from({ length: 10 }, (_, index) => forget(nodeFor(index), account.email)),
    ]);
    assert.equal(erased.status, 204);
    assert.deepEqual(tally(answers), { 202: 10 });
  }
});

test('of ten verifications at once with one token one succeeds', async () => {
  const { email, userId } = await register(app);
  const token = await lastVerifyToken(app, email);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) => verify(nodeFor(index), token)),
  );
  assert.deepEqual(tally(answers), { 200: 1, 400: 9 });
  assert.equal(await isVerified(userId), true);
});

test('a login that races a reset leaves no session', async () => {
  for (let round = 0; round < 5; round++) {
    const account = await signUp(app);
    const token = await newResetToken(app, account.email);
    const [done] = await Promise.all([
      reset(app, token),
      ...[0, 1, 2, 3].map((index) => tryLogIn(nodeFor(index), account)),
    ]);
    assert.equal(done.status, 200);
    const live = await query('SELECT 1 FROM sessions WHERE user_id = $1 AND ended_at IS NULL', [
      account.user.id,
    ]);
    assert.deepEqual(live, []);
  }
});
