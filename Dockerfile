# The image of the sidecar, for an external database: docker build -t dispatcher .
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY gen/ts gen/ts
COPY src src
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# The Node that npm could bring (an optional dependency) is already in the image.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
# Owned by root: the process that runs them cannot change them, also where the root file system is writable.
COPY package.json ./
COPY --from=dependencies /build/node_modules node_modules
COPY --from=build /build/dist dist
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 7480 7481 7482
STOPSIGNAL SIGTERM
# Only for the default DISPATCHER_OPERATIONS_ADDRESS; in Kubernetes use probes.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7482/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "dist/src/main.js"]
