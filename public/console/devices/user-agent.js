const BROWSERS = [
  ['Edge', /\bEdg(?:e|A|iOS)?\/(\d+)/],
  ['Opera', /\bOPR\/(\d+)/],
  ['Samsung Internet', /\bSamsungBrowser\/(\d+)/],
  ['Firefox', /\b(?:Firefox|FxiOS)\/(\d+)/],
  ['Chrome', /\b(?:HeadlessChrome|Chrome|CriOS)\/(\d+)/],
  ['Safari', /\bVersion\/(\d+)[\d.]* (?:Mobile\/\S+ )?Safari\//],
];
const SYSTEMS = [
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Android', /\bAndroid\b/],
  ['Windows', /\bWindows\b/],
  ['macOS', /\bMac OS X\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Linux', /\bLinux\b/],
];

/** `Chrome 141 on Linux`, `curl 8.5.0`; null for nothing that could be named. */
export function nameUserAgent(userAgent) {
  if (!userAgent) return null;
  const browser = find(BROWSERS, userAgent);
  const system = find(SYSTEMS, userAgent);
  if (browser)
    return [`${browser.name} ${browser.version}`, system?.name].filter(Boolean).join(' on ');
  const [product, version] = userAgent.split(/[\s/]/);
  return [product, version].filter(Boolean).join(' ').slice(0, 60);
}

/** Whether it is held in a hand. */
export function isHandheld(userAgent) {
  return /\b(iPhone|iPad|Android|Mobile)\b/.test(userAgent ?? '');
}

function find(known, userAgent) {
  for (const [name, pattern] of known) {
    const match = pattern.exec(userAgent);
    if (match) return { name, version: match[1] };
  }
  return null;
}
