// Figures about all customers as tiles and charts, and those who deserve a second look.
import type { Child } from "hono/jsx";
import type { CustomerStats, FraudSuspect } from "../domain/insight.js";
import { type Bar, BarChart, ComparedBars } from "./charts.js";

const percent = (share: number | null) =>
  share === null ? "no data" : `${Math.round(share * 100)} %`;

const Tile = ({ name, children }: { name: string; children: Child }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

const dayMonth = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});
const day = 24 * 3600 * 1000;
const week = 7 * day;
// The epoch was a Thursday.
const weekOf = (time: number) => Math.floor((time + 3 * day) / week);
const mondayOf = (nth: number) => new Date(nth * week - 3 * day);

/** New customers of each week from Monday on, weeks without any included, up to this one, which is not over. */
function byWeek(days: CustomerStats["new_customers"], now: number): Bar[] {
  const counts = new Map<number, number>();
  for (const { day, customers } of days) {
    const nth = weekOf(Date.parse(day));
    counts.set(nth, (counts.get(nth) ?? 0) + customers);
  }
  if (counts.size === 0) return [];
  const first = Math.min(...counts.keys());
  const current = weekOf(now);
  return Array.from({ length: current - first + 1 }, (_, i) => ({
    label: dayMonth.format(mondayOf(first + i)),
    value: counts.get(first + i) ?? 0,
    isUnfinished: first + i === current,
  }));
}

const signalNames: Record<string, string> = {
  many_logins: "many logins",
  unproved_claims: "unproved claims on a proved phone",
  sign_up_burst: "burst of sign-ups",
  cod_cancellations: "cancelled cash on delivery",
};

const Suspect = ({ suspect, name }: { suspect: FraudSuspect; name: string }) => (
  <li>
    <a href={`/back-office/customers/${suspect.customer_id}`}>{name}</a>{" "}
    <span class="badge">score {suspect.score}</span>
    <ul class="plain">
      {suspect.signals.map(({ signal, weight, evidence }) => (
        <li>
          {signalNames[signal] ?? signal} ({weight}):{" "}
          {Object.entries(evidence)
            .map(([name, value]) => `${name} ${value}`)
            .join(", ")}
        </li>
      ))}
    </ul>
  </li>
);

interface FiguresProps {
  stats: CustomerStats;
  suspects: FraudSuspect[];
  /** Of the suspects, by customer. */
  names: ReadonlyMap<string, string>;
}

export const Figures = ({ stats, suspects, names }: FiguresProps) => (
  <>
    <dl class="tiles">
      <Tile name="Verified">{percent(stats.verified_share)}</Tile>
      <Tile name="Bought again">{percent(stats.repeat_rate)}</Tile>
      <Tile name="Several logins">{stats.shared}</Tile>
      <Tile name="Guests who came back">
        {stats.guests_returned} of {stats.guests}
      </Tile>
    </dl>
    <h2>People and their logins</h2>
    <ComparedBars
      bars={[
        { label: "People", value: stats.customers },
        { label: "Logins", value: stats.users },
        { label: "Guests only", value: stats.guests },
      ]}
    />
    <h2>New people a week</h2>
    <BarChart
      title="New people a week"
      note="Weeks begin on Monday. The outlined bar is this week, which is not over."
      bars={byWeek(stats.new_customers, Date.now())}
    />
    <h2>Worth a second look</h2>
    {suspects.length === 0 && <p class="empty">Nobody.</p>}
    <ol class="suspects">
      {suspects.map((suspect) => (
        <Suspect suspect={suspect} name={names.get(suspect.customer_id) ?? "gone"} />
      ))}
    </ol>
  </>
);
