/** The one direction of imports: docs/architecture.md. */
const LAYERS = {
  http: ['http', 'use-cases', 'queries'],
  realtime: ['realtime', 'use-cases', 'revocation'],
  'use-cases': ['use-cases', 'revocation', 'store', 'ephemeral', 'crypto', 'messaging'],
  revocation: ['revocation', 'store', 'ephemeral', 'crypto'],
  queries: ['queries', 'store'],
  store: ['store'],
  ephemeral: ['ephemeral'],
  crypto: ['crypto'],
  messaging: ['messaging'],
  embedded: ['embedded'],
};

/** Files at the root of server/ that every layer may import. */
const SHARED =
  '^server/(environment|errors|audit|context|log|metrics|config|clock|client-address|origins|refuse-socket|rate-limits|permissions|api-clients|json-schema|package-version)\\.ts$';

/** Libraries that belong to one place, so that they can be replaced there. */
const OWNERS = {
  express: '^server/(http/|app\\.ts$)',
  ws: '^server/realtime/',
  knex: '^server/store/',
  ioredis: '^server/ephemeral/',
  jsonwebtoken: '^server/crypto/jwt\\.ts$',
  speakeasy: '^server/crypto/totp\\.ts$',
};

const layerRules = Object.entries(LAYERS).map(([layer, allowed]) => ({
  name: `${layer}-imports`,
  severity: 'error',
  from: { path: `^server/${layer}/` },
  to: { path: '^server/', pathNot: [`^server/(${allowed.join('|')})/`, SHARED] },
}));

const ownerRules = Object.entries(OWNERS).map(([library, owner]) => ({
  name: `${library}-has-one-place`,
  severity: 'error',
  from: { path: '^server/', pathNot: owner },
  to: { path: `node_modules/${library}/`, dependencyTypesNot: ['type-only'] },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    ...ownerRules,
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'client-stands-alone',
      severity: 'error',
      from: { path: '^client/' },
      to: { pathNot: '^client/' },
    },
    {
      name: 'server-needs-no-client',
      severity: 'error',
      from: { path: '^server/' },
      to: { path: '^client/' },
    },
    {
      name: 'app-is-the-root',
      severity: 'error',
      from: { pathNot: '^server/(main|app|app-parts)\\.ts$' },
      to: { path: '^server/(main|app|app-parts)\\.ts$' },
    },
    {
      name: 'main-starts-app',
      severity: 'error',
      from: { path: '^server/main\\.ts$' },
      to: {
        path: '^server/',
        pathNot: ['^server/(app|extension)\\.ts$', '^server/embedded/', SHARED],
      },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
