// How far something is. `share` null: nobody knows the whole.
import styles from './progress.module.css';

export function ProgressBar({ share, label, tone = 'busy' }: { share: number | null; label: string; tone?: string }) {
  // An SVG, because a width would need a style attribute for each per cent.
  const width = share === null ? 100 : Math.max(0, Math.min(100, share * 100));
  return (
    <div
      className={styles.track}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={share === null ? undefined : Math.round(width)}
      data-unknown={share === null || undefined}
      data-tone={tone}
    >
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <rect width={width} height="4" />
      </svg>
    </div>
  );
}
