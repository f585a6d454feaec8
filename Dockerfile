FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY client ./client
RUN npm ci

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The `node` of the development dependencies is left out: the image has its own.
RUN npm ci --omit=dev
COPY server ./server
COPY migrations ./migrations
COPY scripts ./scripts
COPY public ./public
COPY --from=build /app/client/dist ./client/dist
USER node
EXPOSE 3000
CMD ["node", "server/main.ts"]
