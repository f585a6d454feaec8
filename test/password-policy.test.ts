import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dictionary } from '@zxcvbn-ts/language-common';
import fc from 'fast-check';
import { AppError } from '../server/errors.ts';
import {
  assertPasswordAllowed,
  checkPasswordPolicy,
  CONTEXT_WORDS,
} from '../server/use-cases/password-policy.ts';

const POLICY = {
  minLength: 12,
  requiresUppercase: true,
  requiresDigit: true,
  requiresSpecial: true,
  barredWords: [],
};
const LENIENT = {
  minLength: 8,
  requiresUppercase: false,
  requiresDigit: false,
  requiresSpecial: false,
  barredWords: [],
};
const NOBODY = { email: null, username: null };
const TOO_SHORT = 'Use at least 12 characters';
const TOO_LONG = 'Use at most 128 characters';
const NO_UPPERCASE = 'Add an upper-case letter';
const NO_DIGIT = 'Add a digit';
const NO_SPECIAL = 'Add a special character, such as a space or a full stop';
const NOT_TEXT = 'Leave out the characters that are not text';
const COMMON = 'Choose a password that is harder to guess: this one is too common';
const HAS_EMAIL = 'Leave out your e-mail address';
const HAS_USERNAME = 'Leave out your username';

function reasons(password: string, who: { email?: string; username?: string } = {}): string[] {
  return checkPasswordPolicy(POLICY, { ...NOBODY, ...who, password });
}

function isCommon(password: string): boolean {
  return checkPasswordPolicy(LENIENT, { ...NOBODY, password }).includes(COMMON);
}

describe('the form of a password', () => {
  const examples: [password: string, expected: string[]][] = [
    ['Blue taxi, 7 doors', []],
    ['Zażółć gęślą 7 jaźń', []],
    ['Ωραία βόλτα ٣ φορές', []],
    ['Bt7, doors.', [TOO_SHORT]],
    ['blue taxi, 7 doors', [NO_UPPERCASE]],
    ['Blue taxi, seven doors', [NO_DIGIT]],
    ['BlueTaxi7DoorsOpen', [NO_SPECIAL]],
    ['', [TOO_SHORT, NO_UPPERCASE, NO_DIGIT, NO_SPECIAL]],
    [`Bx7, ${'q'.repeat(123)}`, []],
    [`Bx7, ${'q'.repeat(124)}`, [TOO_LONG]],
    ['Blue taxi\0 7 doors', [NOT_TEXT]],
    ['Blue taxi\ud83d 7 doors', [NOT_TEXT]],
    ['Blue taxi\ude95 7 doors', [NOT_TEXT]],
  ];

  for (const [password, expected] of examples) {
    test(`${JSON.stringify(password)} gives ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(reasons(password), expected);
    });
  }

  test('is counted in characters, not in the units that hold them', () => {
    assert.deepEqual(reasons(`Bx7 ${'🚕'.repeat(124)}`), []);
    assert.deepEqual(reasons(`Bx7 ${'🚕'.repeat(7)}`), [TOO_SHORT]);
    assert.deepEqual(reasons(`Bx7 ${'e\u0301'.repeat(124)}`), []);
    assert.deepEqual(reasons(`Bx7 ${'e\u0301'.repeat(7)}`), [TOO_SHORT]);
  });

  test('asks only for what is switched on', () => {
    const candidate = { ...NOBODY, password: 'vqkzjxwp' };
    assert.deepEqual(checkPasswordPolicy(LENIENT, candidate), []);
    const switches = [
      [{ requiresUppercase: true }, NO_UPPERCASE],
      [{ requiresDigit: true }, NO_DIGIT],
      [{ requiresSpecial: true }, NO_SPECIAL],
      [{ minLength: 9 }, 'Use at least 9 characters'],
    ] as const;
    for (const [flag, expected] of switches) {
      assert.deepEqual(checkPasswordPolicy({ ...LENIENT, ...flag }, candidate), [expected]);
    }
  });

  test('is judged for texts of any size', () => {
    for (const unit of ['a', '\u0301\u0323', '\ud800', '1', 'Aa1!', '\0']) {
      assert.ok(reasons(unit.repeat(50_000)).includes(TOO_LONG));
    }
  });
});

describe('a common password', () => {
  const refused = [
    'Password2024!!',
    'P@ssw0rd1234!',
    'p4$$w0rd',
    'PASSWORD',
    '!!!Qwertyuiop!!!',
    '$unshine2024',
    'Tru$tno1!!!!',
    'Trustno12024!',
    '1qaz2wsx!!!!',
    '1L0v3y0u',
    'M1chae1!!!!!',
    '123456789012',
    '12345678!!!!',
    'Jessic@',
  ];
  for (const password of refused) {
    test(`is refused: ${password}`, () => {
      assert.ok(isCommon(password));
    });
  }

  const allowed = [
    'correct-horse-battery-staple',
    'Blue taxi, 7 doors',
    'abc-8142-7391',
    'love-8142-7391526',
    '8142-love-7391526',
    '************',
    '            ',
    'पासवर्ड बदलें ७',
  ];
  for (const password of allowed) {
    test(`is not seen in ${password}`, () => {
      assert.ok(!isCommon(password));
    });
  }

  test('is refused as long as its padding is not longer than itself and eight', () => {
    assert.ok(isCommon('love827273926276'));
    assert.ok(!isCommon('love8272739262762'));
  });

  test('is refused with any short padding and any capitals', () => {
    const words = dictionary['passwords-common'].filter((word) => /^[a-z]{4,}$/.test(word));
    const padding = fc.string({
      unit: fc.constantFrom('0', '1', '3', '7', '!', '@', '$', '.', ' '),
      maxLength: 4,
    });
    const word = fc.mixedCase(fc.constantFrom(...words));
    fc.assert(fc.property(padding, word, padding, (...parts) => isCommon(parts.join(''))));
  });
});

describe('what is known of its owner', () => {
  const owner = { email: 'Maria.Lopez@example.com', username: 'MLopez77' };

  test('is refused inside a password, in any case', () => {
    assert.deepEqual(reasons('Xy7 maria.lopez@EXAMPLE.com'.normalize('NFD'), owner), [HAS_EMAIL]);
    assert.deepEqual(reasons('Xy7 MARIA.LOPEZ rides', owner), [HAS_EMAIL]);
    assert.deepEqual(reasons('Xy7 mlopez77 rides', owner), [HAS_USERNAME]);
    assert.deepEqual(reasons('maria.lopez MLOPEZ77', owner), [HAS_EMAIL, HAS_USERNAME]);
    assert.deepEqual(reasons('Blue taxi, 7 doors', owner), []);
  });

  test('is compared in its normal form', () => {
    assert.deepEqual(reasons('Xy7 rides jose\u0301', { username: 'JOS\u00c9' }), [HAS_USERNAME]);
  });

  test('is left alone when it is shorter than four characters', () => {
    assert.deepEqual(reasons('Joe takes 7 taxis', { email: 'joe@a.io', username: 'Joe' }), []);
    assert.deepEqual(reasons('7 taxis for Joe@a.io', { email: 'joe@a.io' }), [HAS_EMAIL]);
    assert.deepEqual(reasons('Blue taxi, 7 doors', { email: '', username: '' }), []);
    assert.deepEqual(reasons('Blue taxi, 7 doors', { email: 'no address' }), []);
  });

  test('is refused, and so is the name of the service', () => {
    assert.deepEqual(CONTEXT_WORDS, ['medallion']);
    assert.deepEqual(reasons('My 7th MEDALLION ride'), ['Leave out the word medallion']);
  });
});

describe('the words of a team', () => {
  const policy = { ...POLICY, barredWords: ['Rapid Cab', 'JOSÉ'] };
  const judge = (password: string) => checkPasswordPolicy(policy, { ...NOBODY, password });

  test('are refused like that of the service', () => {
    assert.deepEqual(judge('My 7th rapid cab ride'), ['Leave out the word rapid cab']);
    assert.deepEqual(judge('My 7th jose\u0301 ride'), ['Leave out the word josé']);
    assert.deepEqual(judge('My 7th Medallion ride'), ['Leave out the word medallion']);
    assert.deepEqual(judge('My 7th rapid ride'), []);
  });

  test('are told once each, however often they are listed', () => {
    const barredWords = ['Medallion', 'rides', 'RIDES'];
    const candidate = { ...NOBODY, password: 'My 7 medallion rides' };
    assert.deepEqual(checkPasswordPolicy({ ...POLICY, barredWords }, candidate), [
      'Leave out the word medallion',
      'Leave out the word rides',
    ]);
  });
});

describe('for every text', () => {
  const unit = fc.constantFrom('grapheme', 'binary', 'grapheme-ascii' as const);
  const text = fc.oneof(
    unit.chain((kind) => fc.string({ unit: kind, maxLength: 160 })),
    fc.string({ unit: fc.constantFrom('\ud800', '\udc00', '\0', '\u0301', 'A', '1', '!') }),
    fc.string({ unit: 'grapheme-ascii', minLength: 8, maxLength: 40 }).map((s) => `${s}Q7 `),
  );
  const policy = fc.record({
    minLength: fc.integer({ min: 8, max: 64 }),
    requiresUppercase: fc.boolean(),
    requiresDigit: fc.boolean(),
    requiresSpecial: fc.boolean(),
    barredWords: fc.subarray(['rides', 'Rides', 'medallion']),
  });
  const maybe = fc.option(text);
  const candidate = fc.record({ password: text, email: maybe, username: maybe });

  test('the answer is a list of different sentences', () => {
    fc.assert(
      fc.property(policy, candidate, (rules, input) => {
        const sentences = checkPasswordPolicy(rules, input);
        assert.equal(new Set(sentences).size, sentences.length);
        for (const sentence of sentences) assert.match(sentence, /^[A-Z][ -~]+$/);
      }),
    );
  });

  test('what passes has everything that is asked for', () => {
    let passed = 0;
    fc.assert(
      fc.property(policy, candidate, (rules, input) => {
        if (checkPasswordPolicy(rules, input).length > 0) return;
        passed++;
        const password = input.password.normalize('NFC');
        const length = Array.from(password).length;
        assert.ok(length >= rules.minLength && length <= 128);
        if (rules.requiresUppercase) assert.match(password, /\p{Lu}/u);
        if (rules.requiresDigit) assert.match(password, /\p{Nd}/u);
        if (rules.requiresSpecial) assert.match(password, /[^\p{L}\p{Nd}]/u);
        assert.ok(password.isWellFormed() && !password.includes('\0'));
      }),
      { numRuns: 1000 },
    );
    assert.ok(passed > 10);
  });

  test('composed and decomposed are judged alike', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (password) => {
        assert.deepEqual(reasons(password.normalize('NFD')), reasons(password.normalize('NFC')));
      }),
    );
  });
});

describe('a password that cannot be used', () => {
  test('is thrown with every reason, each at the path that was given', () => {
    const candidate = { ...NOBODY, password: 'vqkzjxwp' };
    assert.throws(
      () => {
        assertPasswordAllowed(POLICY, candidate, 'new_password');
      },
      (error: unknown) => {
        assert.ok(error instanceof AppError);
        assert.deepEqual([error.code, error.status], ['weak_password', 400]);
        const messages = [TOO_SHORT, NO_UPPERCASE, NO_DIGIT, NO_SPECIAL];
        const expected = messages.map((message) => ({ path: 'new_password', message }));
        assert.deepEqual(error.issues, expected);
        return true;
      },
    );
  });

  test('is the only thing that throws', () => {
    assertPasswordAllowed(POLICY, { ...NOBODY, password: 'Blue taxi, 7 doors' }, 'password');
  });
});
