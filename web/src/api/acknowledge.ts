// Acknowledging an incident (docs/alerting.md). The path is assumed until docs/openapi.json has it;
// the page offers it only where alerts have `acknowledged_at`.
import createClient from 'openapi-fetch';
import { api, body } from './client';

interface Assumed {
  '/api/v1/alerts/{id}/acknowledge': {
    post: {
      parameters: { path: { id: string } };
      responses: { 200: { content: { 'application/json': Record<string, unknown> } } };
    };
  };
}

const client = api as unknown as ReturnType<typeof createClient<Assumed>>;

export function acknowledge(id: string): Promise<unknown> {
  return body(client.POST('/api/v1/alerts/{id}/acknowledge', { params: { path: { id } } }));
}
