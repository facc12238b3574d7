// Charts. Beside each stand the numbers as a table, for whoever cannot see it.
import { Area, AreaChart, Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { useLocale } from '../i18n/locale';
import styles from './chart.module.css';

export interface Point {
  date: string; // of UTC, "2026-11-29"
  value: number;
  second?: number;
}

interface ChartProps {
  title: string;
  points: Point[];
  names: readonly [string] | readonly [string, string];
  format: (value: number) => string;
  kind?: 'area' | 'bars';
}

/** Ticks at round sizes: 0, 50 GiB, 100 GiB. */
export function byteTicks(most: number): number[] {
  if (most <= 0) return [0, 1];
  const unit = 1024 ** Math.floor(Math.log(most) / Math.log(1024));
  const rough = most / unit / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = unit * power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10);
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step);
}

function byteAxis(points: Point[]) {
  const ticks = byteTicks(Math.max(0, ...points.map((point) => point.value)));
  return { ticks, domain: [0, ticks.at(-1) ?? 1] as [number, number] };
}

export default function Chart({ title, points, names, format, kind = 'area' }: ChartProps) {
  const { day, t } = useLocale();
  const axis = { tickLine: false, axisLine: false, tick: { fontSize: 11, fill: 'var(--mantine-color-dimmed)' } } as const;
  const parts = (
    <>
      <CartesianGrid vertical={false} stroke="var(--aerie-line-soft)" />
      <XAxis dataKey="date" {...axis} minTickGap={36} tickFormatter={(date: string) => day(new Date(date))} />
      <YAxis {...axis} width={62} tickFormatter={(value: number) => format(value).replace(/[.]0+ /, ' ')} allowDecimals={false} tickCount={4} {...(kind === 'area' ? byteAxis(points) : {})} />
      <Tooltip
        isAnimationActive={false}
        content={({ active, payload, label }) =>
          active && payload?.length ? (
            <div className={styles.tip}>
              <strong>{day(new Date(String(label)))}</strong>
              {payload.map((each) => (
                <div key={String(each.dataKey)}>
                  {each.dataKey === 'second' ? names[1] : names[0]}: {format(Number(each.value))}
                </div>
              ))}
            </div>
          ) : null
        }
      />
    </>
  );
  const margin = { top: 8, right: 8, bottom: 0, left: 0 };
  return (
    <figure className={styles.figure}>
      <div className={styles.plot} aria-hidden="true">
        <ResponsiveContainer width="100%" height="100%">
          {kind === 'area' ? (
            <AreaChart data={points} margin={margin} accessibilityLayer={false}>
              {parts}
              <Area
                type="stepAfter"
                dataKey="value"
                stroke="var(--aerie-chart-1)"
                strokeWidth={1.8}
                fill="var(--aerie-chart-1)"
                fillOpacity={0.13}
                isAnimationActive={false}
              />
            </AreaChart>
          ) : (
            <BarChart data={points} margin={margin} accessibilityLayer={false} barCategoryGap={1}>
              {parts}
              <Bar dataKey="value" stackId="a" fill="var(--aerie-chart-1)" isAnimationActive={false} />
              <Bar dataKey="second" stackId="a" fill="var(--aerie-bad)" isAnimationActive={false} />
            </BarChart>
          )}
        </ResponsiveContainer>
      </div>
      <div className={styles.numbers}>
      <table>
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">{t.word.day}</th>
            {names.map((name) => (
              <th scope="col" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points.map((point) => (
            <tr key={point.date}>
              <th scope="row">{point.date}</th>
              <td>{format(point.value)}</td>
              {names.length > 1 ? <td>{format(point.second ?? 0)}</td> : null}
            </tr>
          ))}
        </tbody>
      </table>
      </div>
    </figure>
  );
}
