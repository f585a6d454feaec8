import { dictionary } from '@zxcvbn-ts/language-common';
import type { Config } from '../config.ts';
import { normalizePassword } from '../crypto/password-hash.ts';
import { AppError } from '../errors.ts';

/** Words that a guesser tries first, whoever runs the service; each team adds its own. */
export const CONTEXT_WORDS = ['medallion'];

const MAX_LENGTH = 128;
/** A shorter word says too little about a password to refuse it: a core, a local part, a username. */
const MIN_WORD_LENGTH = 4;
const MAX_PADDING = 8;

const LETTER = /\p{L}/u;
const DIGIT = /\p{Nd}/u;

const COMMON_PASSWORDS = new Set(dictionary['passwords-common']);

const SUBSTITUTES = { '@': 'a', '0': 'o', '3': 'e', '4': 'a', '5': 's', $: 's' };
/** `1` stands for either letter. */
const SPELLINGS = ['l', 'i'].map((one) => new Map(Object.entries({ ...SUBSTITUTES, '1': one })));

interface Candidate {
  password: string;
  email: string | null;
  username: string | null;
}

type Policy = Config['passwordPolicy'];

/** Every reason why the password cannot be used, a sentence each; none when it can. */
export function checkPasswordPolicy(policy: Policy, candidate: Candidate): string[] {
  const password = normalizePassword(candidate.password);
  return [...checkForm(policy, password), ...checkContent(policy, password, candidate)];
}

/**
 * @param path where the request has the password, such as `new_password`
 * @throws `weak_password` with every reason
 */
export function assertPasswordAllowed(policy: Policy, candidate: Candidate, path: string): void {
  const issues = checkPasswordPolicy(policy, candidate).map((message) => ({ path, message }));
  if (issues.length > 0) throw new AppError('weak_password', { issues });
}

function checkForm(policy: Policy, password: string): string[] {
  const length = Array.from(password).length;
  const faults: [isBroken: boolean, sentence: string][] = [
    [length < policy.minLength, `Use at least ${policy.minLength} characters`],
    [length > MAX_LENGTH, `Use at most ${MAX_LENGTH} characters`],
    [policy.requiresUppercase && !/\p{Lu}/u.test(password), 'Add an upper-case letter'],
    [policy.requiresDigit && !DIGIT.test(password), 'Add a digit'],
    [
      policy.requiresSpecial && !/[^\p{L}\p{Nd}]/u.test(password),
      'Add a special character, such as a space or a full stop',
    ],
    // Libraries disagree on both: one stops at the NUL, another replaces the surrogate.
    [
      password.includes('\0') || !password.isWellFormed(),
      'Leave out the characters that are not text',
    ],
  ];
  return faults.filter(([isBroken]) => isBroken).map(([, sentence]) => sentence);
}

function checkContent(
  { barredWords }: Policy,
  password: string,
  { email, username }: Candidate,
): string[] {
  const folded = fold(password);
  const contains = (word: string): boolean => word !== '' && folded.includes(fold(word));
  const address = email ?? '';
  const localPart = address.slice(0, Math.max(0, address.lastIndexOf('@')));
  const faults: [isBroken: boolean, sentence: string][] = [
    [isCommon(folded), 'Choose a password that is harder to guess: this one is too common'],
    [
      contains(address) || (isWord(localPart) && contains(localPart)),
      'Leave out your e-mail address',
    ],
    [isWord(username ?? '') && contains(username ?? ''), 'Leave out your username'],
    ...listContextWords(barredWords).map((word): [boolean, string] => [
      contains(word),
      `Leave out the word ${word}`,
    ]),
  ];
  return faults.filter(([isBroken]) => isBroken).map(([, sentence]) => sentence);
}

/** Each once, whatever its case. */
function listContextWords(barredWords: string[]): string[] {
  return [...new Set([...CONTEXT_WORDS, ...barredWords].map(fold))];
}

/** Whether the folded password is a common one, as it is or padded and respelled: `P@ssw0rd1234!`. */
function isCommon(password: string): boolean {
  const characters = Array.from(password);
  if (characters.length > MAX_LENGTH) return false;
  const cores = listCores(characters)
    .filter((core) => core.length >= MIN_WORD_LENGTH)
    .filter((core) => characters.length - core.length <= core.length + MAX_PADDING);
  return [password, ...cores.flatMap(listSpellings)].some((text) => COMMON_PASSWORDS.has(text));
}

/**
 * What is left without the digits and special characters around it: from the first to the last letter (or
 * digit, where there is no letter), and with up to two more on either side, as in `$unshine` or `trustno1`.
 */
function listCores(characters: string[]): string[][] {
  const kind = characters.some((character) => LETTER.test(character)) ? LETTER : DIGIT;
  const first = characters.findIndex((character) => kind.test(character));
  const last = characters.findLastIndex((character) => kind.test(character));
  if (first === -1) return [];
  const reach = [0, 1, 2];
  return reach.flatMap((before) =>
    reach.map((after) => characters.slice(Math.max(0, first - before), last + 1 + after)),
  );
}

function listSpellings(core: string[]): string[] {
  const respelled = SPELLINGS.map((letters) =>
    core.map((character) => letters.get(character) ?? character),
  );
  return [core, ...respelled].map((characters) => characters.join(''));
}

function isWord(text: string): boolean {
  return Array.from(text).length >= MIN_WORD_LENGTH;
}

function fold(text: string): string {
  return normalizePassword(text).toLowerCase();
}
