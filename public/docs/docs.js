/* global SwaggerUIBundle */

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'none',
  filter: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  // In this browser alone: a reload signs nobody out.
  persistAuthorization: true,
  // No validator elsewhere is told of this server.
  validatorUrl: null,
});
