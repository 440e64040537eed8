import { resolve } from 'node:path';

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const here = (path) => resolve(import.meta.dirname, path);

// Paragon imports style sheets and pictures.
const withoutAssets = {
  name: 'without-assets',
  setup(build) {
    build.onResolve({ filter: /\.(scss|svg)$/ }, ({ path }) => ({ path, namespace: 'asset' }));
    build.onLoad({ filter: /.*/, namespace: 'asset' }, () => ({ contents: 'export default {};' }));
  },
};

export default defineConfig({
  plugins: [react()],
  build: {
    lib: {
      entry: {
        authoring: here('src/authoring.jsx'),
        'instructor-dashboard': here('src/instructor-dashboard.jsx'),
      },
      formats: ['es'],
    },
    minify: false,
    // The MFE brings these. Two copies of React or of the framework in one page do not work.
    rollupOptions: { external: [/^react($|\/)/, /^react-router-dom/, /^@edx\//, /^@openedx\//] },
  },
  test: {
    environment: 'jsdom',
    // The tests use what was built, by the names that a site uses.
    alias: {
      'course-sync-mfe/authoring': here('dist/authoring.js'),
      'course-sync-mfe/instructor-dashboard': here('dist/instructor-dashboard.js'),
      // frontend-build gives the configuration of a site this name. The tests merge it themselves.
      'env.config': here('test/env.config.js'),
      // Not in the registry when this was written: a double with the three names that are used.
      '@openedx/frontend-base': here('test/frontend-base.js'),
    },
    // The framework is CommonJS and requires frontend-platform, which is not: bundle them, as webpack does in an MFE.
    deps: {
      optimizer: {
        web: {
          enabled: true,
          esbuildOptions: { plugins: [withoutAssets] },
          include: [
            '@edx/frontend-platform',
            '@edx/frontend-platform/auth',
            '@edx/frontend-platform/i18n',
            '@openedx/frontend-plugin-framework',
            '@testing-library/react',
            'react',
            'react-dom',
            'react-router-dom',
            'react/jsx-dev-runtime',
            'react/jsx-runtime',
          ],
        },
      },
    },
  },
});
