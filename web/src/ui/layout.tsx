// What pages are made of: a head, panels, rows of facts.
import { useEffect, useRef, type ReactNode } from 'react';
import { useLocale } from '../i18n/locale';
import { greet } from './arrival';
import styles from './layout.module.css';

/** The page's title, which is the document's too, and its actions. */
export function PageHead({ title, lead, children }: { title: string; lead?: ReactNode; children?: ReactNode }) {
  const { t } = useLocale();
  useEffect(() => {
    document.title = `${title} · ${t.product}`;
  }, [title, t]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => greet(heading.current), []);
  return (
    <header className={styles.head}>
      <div>
        <h1 ref={heading} className={styles.title} tabIndex={-1} data-page-title>
          {title}
        </h1>
        {lead ? <div className={styles.lead}>{lead}</div> : null}
      </div>
      {children ? <div className={styles.actions}>{children}</div> : null}
    </header>
  );
}

interface PanelProps {
  title?: ReactNode;
  actions?: ReactNode;
  flush?: boolean; // what is in it reaches its edges, as tables do
  label?: string;
  children: ReactNode;
}

export function Panel({ title, actions, flush = false, label, children }: PanelProps) {
  return (
    <section className={styles.panel} aria-label={label ?? (typeof title === 'string' ? title : undefined)}>
      {title || actions ? (
        <div className={styles.panelHead}>
          <h2 className={styles.panelTitle}>{title}</h2>
          {actions ? <div className={styles.actions}>{actions}</div> : null}
        </div>
      ) : null}
      <div className={flush ? undefined : styles.panelBody}>{children}</div>
    </section>
  );
}

export function Facts({ rows }: { rows: readonly (readonly [ReactNode, ReactNode] | null)[] }) {
  return (
    <dl className={styles.facts}>
      {rows.map((row, index) =>
        row ? (
          <div key={index}>
            <dt>{row[0]}</dt>
            <dd>{row[1]}</dd>
          </div>
        ) : null,
      )}
    </dl>
  );
}

export function Stack({ children, tight = false }: { children: ReactNode; tight?: boolean }) {
  return <div className={tight ? styles.stackTight : styles.stack}>{children}</div>;
}

interface ColumnsProps {
  children: ReactNode;
  wide?: boolean; // the first has twice the width
  urgent?: boolean; // the second comes first where they do not fit side by side
}

/** Side by side where there is room. */
export function Columns({ children, wide = false, urgent = false }: ColumnsProps) {
  return (
    <div className={wide ? styles.columnsWide : styles.columns} data-urgent={urgent || undefined}>
      {children}
    </div>
  );
}

export function Toolbar({ children, label }: { children: ReactNode; label: string }) {
  return (
    <div className={styles.toolbar} role="group" aria-label={label}>
      {children}
    </div>
  );
}

export function Line({ children }: { children: ReactNode }) {
  return <div className={styles.line}>{children}</div>;
}
