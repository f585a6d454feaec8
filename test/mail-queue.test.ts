import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import type { Clock } from '../server/clock.ts';
import { MailQueue } from '../server/messaging/mail-queue.ts';
import type { MailSender } from '../server/messaging/mail-sender.ts';
import { eventually } from './support/eventually.ts';
import { ADDRESS, mailAbout, senderTo, startSmtp, subjectsOf } from './support/smtp.ts';
import { atEnd } from './support/teardown.ts';
import { HoldingClock, TestClock } from './support/test-clock.ts';

/** A clock that says what was asked of it. */
class RecordingClock extends TestClock {
  readonly delays: number[] = [];

  override after(delayMs: number, task: () => void): () => void {
    // Not the moment that every mail waits for the answer to its request.
    if (delayMs >= 1000) this.delays.push(delayMs);
    return super.after(delayMs, task);
  }

  /** Lets the time of the last delay be over, once there have been so many. */
  async endDelay(count: number): Promise<void> {
    await eventually(`delay ${count} begins`, () => this.delays.length === count);
    this.advance(this.delays.at(-1) ?? 0);
  }
}

function startQueue<Time extends Clock>(sender: MailSender, clock: Time) {
  const lines: string[] = [];
  const failures = { count: 0 };
  const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });
  const onFailure = () => {
    failures.count++;
  };
  const queue = new MailQueue({ sender, clock, log, onFailure });
  atEnd(() => queue.close());
  return { queue, clock, failures, lines };
}

async function setUp() {
  const smtp = await startSmtp();
  return { smtp, ...startQueue(senderTo(smtp.url), new RecordingClock()) };
}

describe('the queue', () => {
  test('tries again after one second, then after five', async () => {
    const { smtp, queue, clock, failures, lines } = await setUp();
    smtp.behave(451, 451);
    queue.send(ADDRESS, mailAbout('one'));
    await clock.endDelay(1);
    await clock.endDelay(2);
    await eventually('the mail is delivered', () => smtp.messages.length === 1);
    assert.deepEqual(clock.delays, [1000, 5000]);
    assert.equal(smtp.attempts.length, 3);
    assert.equal(failures.count, 0);
    assert.deepEqual(lines, []);
  });

  test('gives up after three attempts, and goes on with the next mail', async () => {
    const { smtp, queue, clock, failures } = await setUp();
    smtp.behave(451, 450, 451);
    queue.send(ADDRESS, mailAbout('one'));
    queue.send(ADDRESS, mailAbout('two'));
    await clock.endDelay(1);
    await clock.endDelay(2);
    await eventually('the second mail is delivered', () => smtp.messages.length === 1);
    assert.deepEqual(subjectsOf(smtp), ['two']);
    assert.equal(smtp.attempts.length, 4);
    assert.equal(failures.count, 1);
  });

  test('does not try again what the server refused for good', async () => {
    const { smtp, queue, clock, failures } = await setUp();
    smtp.behave(550);
    queue.send(ADDRESS, mailAbout('one'));
    await eventually('it has failed', () => failures.count === 1);
    await queue.close();
    assert.equal(smtp.attempts.length, 1);
    assert.equal(clock.delays.includes(1000), false);
  });

  test('keeps the order, over a failure too', async () => {
    const { smtp, queue, clock } = await setUp();
    smtp.behave(250, 451);
    const subjects = Array.from({ length: 20 }, (_, index) => `number ${index}`);
    for (const subject of subjects) queue.send(ADDRESS, mailAbout(subject));
    await clock.endDelay(1);
    await eventually('all are delivered', () => smtp.messages.length === subjects.length);
    assert.deepEqual(subjectsOf(smtp), subjects);
  });

  test('sends again after it has been empty', async () => {
    const { smtp, queue } = await setUp();
    for (const count of [1, 2, 3]) {
      queue.send(ADDRESS, mailAbout(`number ${count}`));
      await eventually(`mail ${count} is delivered`, () => smtp.messages.length === count);
    }
  });

  test('begins no mail at once: the answer to the request goes first', async () => {
    const sent: string[] = [];
    const send = (to: string) => Promise.resolve(void sent.push(to));
    const clock = new HoldingClock(100);
    const { queue } = startQueue({ send, close: () => undefined }, clock);
    queue.send(ADDRESS, mailAbout('one'));
    await eventually('it waits', () => clock.held === 1);
    assert.deepEqual(sent, []);
    clock.release();
    await eventually('it is sent', () => sent.length === 1);
  });

  test('holds a thousand behind a server that hangs, and drops what comes beyond', async () => {
    const { smtp, queue, clock, failures, lines } = await setUp();
    smtp.behave('hang');
    queue.send(ADDRESS, mailAbout('under way'));
    await eventually('the server hangs', () => smtp.attempts.length === 1);
    for (let count = 0; count < 1000; count++) queue.send(ADDRESS, mailAbout('waiting'));
    assert.equal(failures.count, 0);
    queue.send(ADDRESS, mailAbout('beyond'));
    assert.equal(failures.count, 1);
    assert.match(lines.at(-1) ?? '', /"level":50.*too many mails are waiting/);
    const closed = queue.close();
    clock.advance(2000);
    await closed;
    assert.equal(failures.count, 1002);
  });

  test('logs who failed and how, and neither the address nor the mail nor the password', async () => {
    const smtp = await startSmtp({ password: 'right-one' });
    const url = `${smtp.url.replace('//', '//mailer:wrong-one@')}?logger=true`;
    const { queue, failures, lines } = startQueue(senderTo(url), new RecordingClock());
    queue.send(ADDRESS, { ...mailAbout('one'), code: '493817' });
    await eventually('it has failed', () => failures.count === 1);
    const host = new URL(smtp.url).host;
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /"level":50.*EAUTH.*535.*mail failed/);
    assert.ok(lines[0]?.includes(host));
    for (const secret of [ADDRESS, 'wrong-one', 'text of', 'html of', '493817', 'not the password'])
      assert.equal(lines.join('').includes(secret), false, secret);
  });

  test('logs nothing of an error that is not the sender’s own', async () => {
    const send = () => Promise.reject(new Error(`no mail to ${ADDRESS}`));
    const { queue, clock, failures, lines } = startQueue(
      { send, close: () => undefined },
      new RecordingClock(),
    );
    queue.send(ADDRESS, mailAbout('one'));
    await clock.endDelay(1);
    await clock.endDelay(2);
    await eventually('it has failed', () => failures.count === 1);
    assert.equal(lines.join('').includes(ADDRESS), false);
  });
});

describe('closing the queue', () => {
  test('sends what waits, and takes nothing more', async () => {
    const { smtp, queue, failures, lines } = await setUp();
    for (const subject of ['one', 'two', 'three']) queue.send(ADDRESS, mailAbout(subject));
    const closed = queue.close();
    queue.send(ADDRESS, mailAbout('late'));
    assert.equal(failures.count, 1);
    await closed;
    assert.deepEqual(subjectsOf(smtp), ['one', 'two', 'three']);
    assert.match(lines.join(''), /"level":50.*the queue is closing/);
  });

  test('makes one last attempt at once for the mail that waits to be tried again', async () => {
    const { smtp, queue, clock, failures } = await setUp();
    smtp.behave(451, 250, 451);
    for (const subject of ['one', 'two', 'three']) queue.send(ADDRESS, mailAbout(subject));
    await eventually('the first attempt has failed', () => clock.delays.length === 1);
    await queue.close();
    assert.deepEqual(subjectsOf(smtp), ['one', 'three']);
    assert.equal(smtp.attempts.length, 4);
    assert.equal(failures.count, 1);
    assert.deepEqual(clock.delays, [1000, 2000]);
  });

  test('lasts two seconds at most, and counts what was lost once', async () => {
    const { smtp, queue, clock, failures, lines } = await setUp();
    smtp.behave('hang');
    for (const subject of ['one', 'two', 'three']) queue.send(ADDRESS, mailAbout(subject));
    await eventually('the server hangs', () => smtp.attempts.length === 1);
    const closed = Promise.all([queue.close(), queue.close()]);
    assert.deepEqual(clock.delays, [2000]);
    clock.advance(2000);
    await closed;
    assert.equal(failures.count, 3);
    await smtp.stop();
    assert.equal(failures.count, 3);
    assert.equal(smtp.attempts.length, 1);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /"level":50.*"count":3/);
  });

  test('is done at once where nothing waits', async () => {
    const { queue, failures } = await setUp();
    await queue.close();
    assert.equal(failures.count, 0);
  });
});
