// Charts as inline SVG: readable without a script, and as text by a screen reader.

export interface Bar {
  label: string;
  value: number;
}

const width = 640;
const height = 160;
const foot = 20;

/** Upright bars; only the first, middle and last label are written. */
export const BarChart = ({ title, bars }: { title: string; bars: Bar[] }) => {
  const highest = Math.max(1, ...bars.map(({ value }) => value));
  const step = width / Math.max(1, bars.length);
  const labelled = new Set([0, Math.floor((bars.length - 1) / 2), bars.length - 1]);
  return (
    <svg
      class="chart"
      viewBox={`0 0 ${width} ${height + foot}`}
      role="img"
      aria-label={`${title}, at most ${highest}`}
    >
      {bars.map(({ label, value }, i) => {
        const length = (value / highest) * height;
        const anchor = i === 0 ? "start" : i === bars.length - 1 ? "end" : "middle";
        const x = anchor === "start" ? 0 : anchor === "end" ? width : (i + 0.5) * step;
        return (
          <>
            <rect
              x={i * step + step * 0.1}
              y={height - length}
              width={step * 0.8}
              height={length}
              rx="1"
            >
              <title>{`${label}: ${value}`}</title>
            </rect>
            {labelled.has(i) && (
              <text x={x} y={height + foot - 5} text-anchor={anchor}>
                {label}
              </text>
            )}
          </>
        );
      })}
    </svg>
  );
};

/** Bars that lie below each other, with their values. */
export const ComparedBars = ({ bars }: { bars: Bar[] }) => {
  const highest = Math.max(1, ...bars.map(({ value }) => value));
  const row = 26;
  const left = 90;
  const title = bars.map(({ label, value }) => `${label}: ${value}`).join(", ");
  return (
    <svg class="chart" viewBox={`0 0 ${width} ${bars.length * row}`} role="img" aria-label={title}>
      {bars.map(({ label, value }, i) => {
        const length = (value / highest) * (width - left - 50);
        return (
          <>
            <text x="0" y={i * row + 16}>
              {label}
            </text>
            <rect x={left} y={i * row + 3} width={length} height={row - 8} rx="2" />
            <text x={left + length + 6} y={i * row + 16}>
              {value}
            </text>
          </>
        );
      })}
    </svg>
  );
};
