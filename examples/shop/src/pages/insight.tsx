// Figures about all customers as tiles and charts, and those who deserve a second look.
import type { Child } from "hono/jsx";
import type { CustomerStats, FraudSuspect } from "../domain/insight.js";
import { BarChart, ComparedBars } from "./charts.js";

const percent = (share: number | null) =>
  share === null ? "no data" : `${Math.round(share * 100)} %`;

const Tile = ({ name, children }: { name: string; children: Child }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

/** New customers of each week, weeks without any included. */
function byWeek(days: CustomerStats["new_customers"]) {
  const week = 7 * 24 * 3600 * 1000;
  const counts = new Map<number, number>();
  for (const { day, customers } of days) {
    const start = Math.floor(Date.parse(day) / week);
    counts.set(start, (counts.get(start) ?? 0) + customers);
  }
  const weeks = [...counts.keys()];
  if (weeks.length === 0) return [];
  const first = Math.min(...weeks);
  return Array.from({ length: Math.max(...weeks) - first + 1 }, (_, i) => ({
    label: new Date((first + i) * week).toISOString().slice(0, 10),
    value: counts.get(first + i) ?? 0,
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
    <a href={`/back-office/customers/${suspect.customer_id}`}>{name}</a>, score {suspect.score}
    <ul>
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
  /** Of the suspects, in their order. */
  names: string[];
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
    <BarChart title="New people a week" bars={byWeek(stats.new_customers)} />
    <h2>Worth a second look</h2>
    {suspects.length === 0 && <p>Nobody.</p>}
    <ol>
      {suspects.map((suspect, i) => (
        <Suspect suspect={suspect} name={names[i] ?? ""} />
      ))}
    </ol>
  </>
);
