// Tables: dense, sorted by their heads, cards on a phone. Sorting is of what is there: lists that the
// API pages are sorted by the API.
import { useState, type ReactNode } from 'react';
import { useLocale } from '../i18n/locale';
import styles from './table.module.css';

export interface Column<Row> {
  key: string;
  title: string;
  hideTitle?: boolean;
  cell: (row: Row) => ReactNode;
  numeric?: boolean;
  grow?: boolean;
  sort?: (row: Row) => string | number;
  phone?: 'hide' | 'head'; // 'head': the line that a card begins with
}

interface DataTableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  selected?: (row: Row) => boolean;
}

interface Order {
  key: string;
  descending: boolean;
}

export function DataTable<Row>({ label, columns, rows, rowKey, selected }: DataTableProps<Row>) {
  const [order, setOrder] = useState<Order | null>(null);
  const { t } = useLocale();
  const by = columns.find((column) => column.key === order?.key)?.sort;
  const sorted = by ? [...rows].sort((a, b) => compare(by(a), by(b)) * (order?.descending ? -1 : 1)) : rows;
  const next = (column: Column<Row>) => () =>
    setOrder((before) =>
      before?.key !== column.key
        ? { key: column.key, descending: column.numeric ?? false }
        : { key: column.key, descending: !before.descending },
    );
  return (
    // The roles stand there because a phone's layout takes those of the elements away.
    <div className={styles.scroll}>
      <table className={styles.table} aria-label={label} role="table">
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => {
              const mine = order?.key === column.key;
              return (
                <th
                  key={column.key}
                  scope="col"
                  role="columnheader"
                  data-numeric={column.numeric || undefined}
                  data-grow={column.grow || undefined}
                  aria-sort={mine ? (order.descending ? 'descending' : 'ascending') : undefined}
                >
                  {column.sort ? (
                    <button type="button" className={styles.sort} onClick={next(column)} title={t.table.sortBy(column.title)}>
                      {column.title}
                      <span aria-hidden="true" className={styles.arrow} data-shown={mine || undefined}>
                        {mine && order.descending ? '↓' : '↑'}
                      </span>
                    </button>
                  ) : (
                    <span className={column.hideTitle ? styles.hidden : undefined}>{column.title}</span>
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {sorted.map((row) => (
            <tr key={rowKey(row)} role="row" data-selected={selected?.(row) || undefined}>
              {columns.map((column) => (
                <td
                  key={column.key}
                  role="cell"
                  data-label={column.hideTitle ? '' : column.title}
                  data-numeric={column.numeric || undefined}
                  data-phone={column.phone}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
}
