// Charts as inline SVG: bars stretch with the page and texts keep their size; readable without a script, and
// as text by a screen reader.

export interface Bar {
  label: string;
  value: number;
  /** Its time is not over: it may still grow. */
  isUnfinished?: boolean;
}

const head = 22;
const height = 150;
const foot = 24;

const AsTable = ({ title, bars }: { title: string; bars: Bar[] }) => (
  <details>
    <summary>As a table</summary>
    <table class="figures">
      <caption>{title}</caption>
      <tbody>
        {bars.map(({ label, value, isUnfinished }) => (
          <tr>
            <th scope="row">
              {label}
              {isUnfinished && ", not over yet"}
            </th>
            <td class="number">{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </details>
);

const anchors = { first: "start", last: "end", between: "middle" };

/** Upright bars; only the first, middle and last label are written, and what the highest bar stands for. */
export const BarChart = ({ title, note, bars }: { title: string; note: string; bars: Bar[] }) => {
  if (bars.length === 0) return <p class="empty">Nothing to show yet.</p>;
  const highest = Math.max(1, ...bars.map(({ value }) => value));
  const step = 100 / bars.length;
  const last = bars.length - 1;
  const labelled = new Set([0, Math.floor(last / 2), last]);
  return (
    <figure>
      <svg
        class="chart"
        height={head + height + foot}
        role="img"
        aria-label={`${title}, ${highest} at most. ${note}`}
      >
        <line x2="100%" y1={head} y2={head} />
        <text y={head - 6}>{highest}</text>
        {bars.map(({ label, value, isUnfinished }, i) => {
          const length = (value / highest) * height;
          const place = i === 0 ? "first" : i === last ? "last" : "between";
          const x = { first: 0, last: 100, between: (i + 0.5) * step }[place];
          return (
            <>
              <rect
                class={isUnfinished && "unfinished"}
                x={`${(i + 0.1) * step}%`}
                y={head + height - length}
                width={`${step * 0.8}%`}
                height={length}
              >
                <title>{`${label}: ${value}`}</title>
              </rect>
              {labelled.has(i) && (
                <text x={`${x}%`} y={head + height + foot - 6} text-anchor={anchors[place]}>
                  {label}
                </text>
              )}
            </>
          );
        })}
        <line x2="100%" y1={head + height} y2={head + height} />
      </svg>
      <figcaption>{note}</figcaption>
      <AsTable title={title} bars={bars} />
    </figure>
  );
};

/** Bars that lie below each other, with their values. */
export const ComparedBars = ({ bars }: { bars: Bar[] }) => {
  const highest = Math.max(1, ...bars.map(({ value }) => value));
  return (
    <dl class="bars">
      {bars.map(({ label, value }) => (
        <div>
          <dt>{label}</dt>
          <dd>{value}</dd>
          <dd>
            <svg class="chart" height="18" aria-hidden="true">
              <rect width={`${(value / highest) * 100}%`} height="18" rx="2" />
            </svg>
          </dd>
        </div>
      ))}
    </dl>
  );
};
