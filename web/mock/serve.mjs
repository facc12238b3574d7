// The built page and the mock behind it, under the policy of src/web/assets.h:
//     node mock/serve.mjs DIST [--port N] [--scenario full|first] [--pace N]
// Prints its address as a line of JSON.
import { createServer } from 'node:http';
import { readFileSync, existsSync, statSync } from 'node:fs';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMock } from './mock.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

/** As the header has it, so that there is one truth. */
function policy() {
  const header = readFileSync(join(here, '../../src/web/assets.h'), 'utf8');
  const text = /kContentSecurityPolicy\[\] =([^;]*(?:;[^"\n]*"[^;]*)*);\n/.exec(header)?.[1] ?? '';
  return [...text.matchAll(/"([^"]*)"/g)].map((match) => match[1]).join('');
}

export function serve(dist, { port = 0, ...options } = {}) {
  const mock = createMock(options);
  const csp = policy();
  if (!csp.startsWith("default-src 'none'")) throw new Error('no policy was found in src/web/assets.h');
  const server = createServer((request, response) => {
    response.setHeader('Content-Security-Policy', csp);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    if (request.url.startsWith('/api/')) {
      mock.handle(request, response).catch((error) => {
        process.stderr.write(`mock: ${request.method} ${request.url}: ${error.stack}\n`);
        if (!response.headersSent) response.writeHead(500).end();
      });
      return;
    }
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://mock').pathname));
    const file = join(dist, path);
    const found = existsSync(file) && statSync(file).isFile() ? file : join(dist, 'index.html');
    response.setHeader('Content-Type', types[extname(found)] ?? 'application/octet-stream');
    response.end(readFileSync(found));
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        estate: mock.estate,
        close: () => {
          mock.close();
          server.closeAllConnections();
          server.close();
        },
      }),
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [dist, ...rest] = process.argv.slice(2);
  const option = (name, otherwise) => (rest.includes(`--${name}`) ? rest[rest.indexOf(`--${name}`) + 1] : otherwise);
  const { url } = await serve(dist, { port: Number(option('port', 0)), scenario: option('scenario', 'full'), pace: Number(option('pace', 1)) });
  process.stdout.write(`${JSON.stringify({ url })}\n`);
}
