// Whoever listens instead of looking is told where a link led: the heading of the new page takes the
// focus, which may come later than the page, when its code or data were still on their way.
let awaited = false;

/** After a navigation inside of the page. */
export function arrive(root: HTMLElement | null): void {
  const heading = root?.querySelector<HTMLElement>('[data-page-title]');
  awaited = !heading;
  heading?.focus();
}

/** By each heading as it appears. */
export function greet(heading: HTMLElement | null): void {
  if (!awaited) return;
  awaited = false;
  heading?.focus();
}
