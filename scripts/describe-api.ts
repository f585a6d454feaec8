/** Writes what a node serves at /openapi.json into a file, without starting one: `node scripts/describe-api.ts <file>`. */
import { writeFileSync } from 'node:fs';

import { describeApi } from '../server/http/openapi.ts';
import { describedApi } from '../server/http/surfaces.ts';

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('Say which file to write.');

const api = describedApi({ allowsPasswordGrant: true, defaultRegion: undefined });
writeFileSync(file, JSON.stringify(describeApi(api), null, 2));
