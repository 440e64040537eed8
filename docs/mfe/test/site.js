/** A site on 127.0.0.1 that answers what the REST API of the plugin answers, to pages of another origin too. */
import { createServer } from 'node:http';

import LINE from './staff-line.json';

export { LINE };
export const COURSE = LINE.course_id;

const HEADERS = {
  'Access-Control-Allow-Origin': 'http://localhost:3000',
  'Access-Control-Allow-Credentials': 'true',
  'Access-Control-Allow-Headers': 'use-jwt-cookie, x-csrftoken, content-type',
  'Content-Type': 'application/json',
};

export class Site {
  requests = [];

  status = 200;

  body = LINE;

  holds = false;

  async start() {
    this.server = createServer((request, response) => this.#answer(request, response));
    await new Promise((listens) => { this.server.listen(0, '127.0.0.1', listens); });
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((closed) => { this.server.close(closed); });
  }

  #answer(request, response) {
    if (request.method === 'OPTIONS') {
      response.writeHead(200, HEADERS).end();
      return;
    }
    this.requests.push(request);
    if (this.holds) {
      return;
    }
    const known = request.url === `/api/course_sync/v1/courses/${encodeURIComponent(COURSE)}/staff-line`;
    response.writeHead(known ? this.status : 404, HEADERS);
    response.end(JSON.stringify(this.body));
  }
}
