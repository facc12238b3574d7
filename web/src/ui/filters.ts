// Filters live in the address, so that a view can be sent to a colleague and "back" undoes a choice.
import { useSearchParams } from 'react-router-dom';

export function useFilters() {
  const [params, setParams] = useSearchParams();
  const get = (key: string): string => params.get(key) ?? '';
  const flag = (key: string): boolean | undefined =>
    params.get(key) === 'true' ? true : params.get(key) === 'false' ? false : undefined;
  const set = (key: string, value: string | null | undefined) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        if (value) next.set(key, value);
        else next.delete(key);
        return next;
      },
      { replace: true },
    );
  const clear = () => setParams({}, { replace: true });
  return { get, flag, set, clear, any: params.size > 0 };
}

/** Members that have a value; what is "" was not asked for. */
export function given<T extends Record<string, unknown>>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== '')) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
