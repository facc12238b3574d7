// Making a job, once, however often an impatient hand or a poor line makes us ask.
import { useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { api, body, idempotencyKey, type Job, type NewJob } from '../api/client';

/** One key an intent: the same request again bears the same one, so that what was done though its answer was lost is
 * not done twice. `done` ends the intent: what is asked for then is another one, even in the same words. */
export function useIntent() {
  const now = useRef<{ of: string; key: string } | null>(null);
  return {
    keyOf: (request: unknown): string => {
      const of = JSON.stringify(request);
      if (now.current?.of !== of) now.current = { of, key: idempotencyKey() };
      return now.current.key;
    },
    done: (): void => {
      now.current = null;
    },
  };
}

export function useMakeJob(): (request: NewJob) => Promise<Job> {
  const client = useQueryClient();
  const intent = useIntent();
  return async (request) => {
    const header = { 'Idempotency-Key': intent.keyOf(request) };
    const job = await body(api.POST('/api/v1/jobs', { params: { header }, body: request }));
    intent.done();
    void client.invalidateQueries({ queryKey: ['jobs'] });
    return job;
  };
}
