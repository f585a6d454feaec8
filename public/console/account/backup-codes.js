import { busyButton, toast } from '../feedback.js';
import { h, icon } from '../view.js';

/** Codes that are shown this once, to be copied or kept in a file. */
export function backupCodes(codes) {
  const text = codes.join('\n');
  const copy = busyButton('Copy', () => copyText(text));
  const save = h('button', { type: 'button', onclick: () => saveFile(text) }, 'Download');
  copy.prepend(icon('copy'));
  save.prepend(icon('download'));
  return h(
    'div.stack.tight',
    {},
    h(
      'p.small.muted',
      {},
      'They are shown this once. Each signs you in once, when the app is not at hand.',
    ),
    h(
      'ul.backup-codes',
      {},
      codes.map((code) => h('li', {}, h('code', {}, code))),
    ),
    h('div.row', {}, copy, save),
  );
}

async function copyText(text) {
  await navigator.clipboard.writeText(text);
  toast('The backup codes are copied.');
}

function saveFile(text) {
  const href = URL.createObjectURL(new Blob([`${text}\n`], { type: 'text/plain' }));
  h('a', { href, download: 'medallion-backup-codes.txt' }).click();
  URL.revokeObjectURL(href);
}
