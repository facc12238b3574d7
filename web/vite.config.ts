import type { IncomingMessage, ServerResponse } from 'node:http';
import { defineConfig } from 'vite';

interface Mock {
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

export default defineConfig({
  esbuild: { jsx: 'automatic' },
  build: {
    target: 'es2022',
    sourcemap: false,
    // Data URIs would need exceptions in the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      output: {
        manualChunks: (id) => {
          if (/node_modules\/(recharts|d3-|victory-vendor|lodash|decimal|eventemitter3)/.test(id)) return 'charts';
          if (/node_modules\/(react|react-dom|scheduler|react-router|react-router-dom|@remix-run|@tanstack)\//.test(id)) return 'react';
          if (/node_modules\/(@mantine|@floating-ui|clsx|react-remove-scroll|react-number-format|react-textarea)/.test(id)) return 'mantine';
          return undefined;
        },
      },
    },
  },
  plugins: [
    {
      name: 'aerie-mock',
      apply: 'serve',
      async configureServer(server) {
        if (process.env['VITEST']) return; // unit tests ask no API
        // Not a literal: scripts/build-web builds without the mock's folder.
        const path = new URL('./mock/mock.mjs', import.meta.url).href;
        const { createMock } = (await import(path)) as { createMock: () => Mock };
        const mock = createMock();
        server.middlewares.use((request, response, next) => {
          if (request.url?.startsWith('/api/')) void mock.handle(request, response);
          else next();
        });
      },
    },
  ],
});
