// What the API says when something is wrong (RFC 9457), as an error.

export interface Place {
  where: string;
  what: string;
}

export class Problem extends Error {
  constructor(
    readonly status: number, // 0: no answer came
    readonly title: string,
    readonly detail: string, // one line: operation, object, remedy
    readonly kind: string,
    readonly trace: string,
    readonly places: readonly Place[] = [],
  ) {
    super(detail || title);
    this.name = 'Problem';
  }

  static of(error: unknown): Problem {
    if (error instanceof Problem) return error;
    if (error instanceof TypeError) return new Problem(0, '', error.message, 'transient', '');
    return new Problem(500, 'The page failed', error instanceof Error ? error.message : String(error), 'internal', '');
  }

  /** From the body of an answer, whatever it is. */
  static from(status: number, body: unknown): Problem {
    const member = (name: string): unknown =>
      typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
    const text = (name: string): string => {
      const value = member(name);
      return typeof value === 'string' ? value : '';
    };
    const errors = member('errors');
    const places: Place[] = Array.isArray(errors)
      ? errors.map((each: Record<string, unknown>) => ({
          where: String(each['at'] ?? ''),
          what: String(each['detail'] ?? ''),
        }))
      : [];
    return new Problem(status, text('title') || `HTTP ${status}`, text('detail'), text('kind'), text('trace_id'), places);
  }
}
