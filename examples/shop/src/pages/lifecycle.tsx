// The forms that change a customer, the previews of what cannot be taken back lightly, and the lists of
// duplicates and of numbers that look like placeholders.
import type { Child } from "hono/jsx";
import type { CustomerDetails } from "../domain/customer.js";
import type { CustomerUser, HistoryEvent } from "../domain/customer-repository.js";
import type { Duplicate, Erasure, MergePreview, PhoneSuspect } from "../domain/lifecycle.js";
import type { Order } from "../domain/order.js";
import type { Page } from "../domain/page.js";
import { type Errors, Field, FieldError, Hidden, Notice, Phone } from "./layout.js";

export type Draft = Record<string, string | string[]>;

/** A change that was refused: what was typed, and why. */
export interface Refused {
  action: string;
  draft: Draft;
  problem?: string;
  errors?: Errors;
}

interface FormsProps {
  customer: CustomerDetails;
  users: CustomerUser[];
  orders: Order[];
  history: HistoryEvent[];
  /** Sent with an adjustment of points: twice the same form adjusts once. */
  idempotencyKey: string;
  refused?: Refused;
  /** A code is on its way. */
  verificationId?: string;
}

export const pathOf = (id: string, action = "") => `/back-office/customers/${id}${action && `/${action}`}`;

interface ActionFormProps {
  to: string;
  action: string;
  button: string;
  refused?: Refused;
  hasReason?: boolean;
  children?: Child;
}

/** Fields with ids of their own: a page has many forms. */
const fieldsOf = (action: string, refused: Refused | undefined) => {
  const draft = refused?.action === action ? refused.draft : {};
  const errors = (refused?.action === action && refused.errors) || {};
  const valueOf = (name: string) => String(draft[name] ?? "");
  const isTicked = (name: string, value: string) => [draft[name] ?? []].flat().includes(value);
  return { errors, valueOf, isTicked, idOf: (name: string) => `${action}-${name}` };
};

export const ActionForm = ({
  to,
  action,
  button,
  refused,
  hasReason = true,
  children,
}: ActionFormProps) => {
  const { errors, valueOf, idOf } = fieldsOf(action, refused);
  return (
    <form method="post" action={to} data-swap="main">
      {refused?.action === action && refused.problem && (
        <Notice kind="error">{refused.problem}</Notice>
      )}
      {children}
      {hasReason && (
        <Field
          label="Reason"
          name="reason"
          id={idOf("reason")}
          value={valueOf("reason")}
          errors={errors}
          required
          maxlength={500}
        />
      )}
      <button id={idOf("button")}>{button}</button>
    </form>
  );
};

interface InputProps {
  action: string;
  refused?: Refused;
  label: string;
  name: string;
  value?: string;
  [attribute: string]: unknown;
}

const Input = ({ action, refused, name, value = "", ...input }: InputProps) => {
  const { errors, valueOf, idOf } = fieldsOf(action, refused);
  const typed = refused?.action === action ? valueOf(name) : value;
  return <Field {...input} name={name} id={idOf(name)} value={typed} errors={errors} />;
};

const Tick = ({ action, refused, name, label, value = "true" }: InputProps) => (
  <label>
    <input
      type="checkbox"
      name={name}
      value={value}
      checked={fieldsOf(action, refused).isTicked(name, value)}
    />{" "}
    {label}
  </label>
);

type Options = [value: string, text: string][];

const Select = ({ action, refused, name, label, options }: InputProps & { options: Options }) => {
  const { errors, valueOf, idOf } = fieldsOf(action, refused);
  return (
    <p class="field">
      <label for={idOf(name)}>{label}</label>
      <select id={idOf(name)} name={name}>
        {options.map(([value, text]) => (
          <option value={value} selected={value === valueOf(name)}>
            {text}
          </option>
        ))}
      </select>
      <FieldError name={name} errors={errors} />
    </p>
  );
};

const nameOfUser = ({ name, email, id }: CustomerUser) => email ?? name ?? id;

const optionsOf = (users: CustomerUser[]) => users.map((user): [string, string] => [user.id, nameOfUser(user)]);

/** The merges that are in force, as the history tells them. */
function mergesOf(history: HistoryEvent[]): Options {
  const undone = new Set(
    history.filter(({ event }) => event === "unmerged").map(({ details }) => details.merge_id),
  );
  return history
    .filter(({ event, details }) => event === "merged" && !undone.has(details.merge_id))
    .map(({ at, details }) => [String(details.merge_id), `of ${at.slice(0, 16).replace("T", " ")}`]);
}

const Part = ({ summary, isOpen, children }: { summary: string; isOpen: boolean; children: Child }) => (
  <details open={isOpen}>
    <summary>{summary}</summary>
    {children}
  </details>
);

/** Everything that can be done to a customer, each thing in a form that opens. */
export function Actions(props: FormsProps) {
  const { customer, users, orders, history, idempotencyKey, refused, verificationId } = props;
  const merges = mergesOf(history);
  const logins = optionsOf(users);
  const anyLogin: Options = [["", "none, a guest"], ...logins];
  const form = (action: string, summary: string, button: string, children: Child, hasReason = true) => (
    <Part summary={summary} isOpen={refused?.action === action || (action === "check-code" && !refused)}>
      <ActionForm
        to={pathOf(customer.id, action)}
        action={action}
        button={button}
        refused={refused}
        hasReason={hasReason}
      >
        {children}
      </ActionForm>
    </Part>
  );
  const input = (action: string, label: string, name: string, more: object = {}) => (
    <Input action={action} refused={refused} label={label} name={name} {...more} />
  );
  const select = (action: string, label: string, name: string, options: Options) => (
    <Select action={action} refused={refused} label={label} name={name} options={options} />
  );
  const tick = (action: string, label: string, name: string, value?: string) => (
    <Tick action={action} refused={refused} label={label} name={name} value={value} />
  );
  const phone = { type: "tel", maxlength: 40, value: customer.phone ?? "" };
  const newPhone = { ...phone, value: "" };
  return (
    <section class="changes" aria-label="Changes">
      <h3>Numbers</h3>
      {form("add-phone", "Add a number", "Add the number", input("add-phone", "Further number", "phone", newPhone))}
      {form(
        "change-phone",
        "Change the number",
        "Change the number",
        <>
          {input("change-phone", "New number", "phone", newPhone)}
          {tick("change-phone", "Keep the old number as a further one", "keep_old")}
        </>,
      )}
      {form(
        "release-phone",
        "Release a number",
        "Release the number",
        <>
          {input("release-phone", "Number that has a new holder", "phone", phone)}
          {input("release-phone", "New holder since, if known", "since", { type: "date" })}
        </>,
      )}
      <h3>Logins and proofs</h3>
      {form("link-login", "Link a login", "Link the login", input("link-login", "E-mail or id of the login", "login"))}
      {logins.length > 0 && form("unlink-login", "Unlink a login", "Unlink the login", select("unlink-login", "Login", "login", logins))}
      {logins.length > 0 &&
        form("confirm-holder", "Confirm a holder", "Confirm the holder", select("confirm-holder", "Login of the same person", "user_id", logins))}
      {form(
        "record-proof",
        "Record a proof",
        "Record the proof",
        <>
          {input("record-proof", "Proved number", "phone", phone)}
          {select("record-proof", "Proved by", "user_id", anyLogin)}
        </>,
      )}
      {form(
        "revoke-proof",
        "Revoke proofs",
        "Revoke the proofs",
        <>
          {input("revoke-proof", "Number that is not proved", "phone", phone)}
          {select("revoke-proof", "Proofs of", "user_id", [["", "everybody"], ...logins])}
        </>,
      )}
      {form(
        "send-code",
        "Send a code",
        "Send the code",
        <>
          {input("send-code", "Number for the code", "phone", phone)}
          {select("send-code", "Proof for", "user_id", anyLogin)}
        </>,
        false,
      )}
      {verificationId &&
        form(
          "check-code",
          "Answer the code",
          "Check the code",
          <>
            <Hidden fields={{ verification_id: verificationId }} />
            {input("check-code", "Code that the customer reads out", "code", { inputmode: "numeric", maxlength: 20 })}
          </>,
          false,
        )}
      <h3>Points</h3>
      {form(
        "adjust-points",
        "Adjust points",
        "Adjust the points",
        <>
          <Hidden fields={{ idempotency_key: String(refused?.draft.idempotency_key ?? idempotencyKey) }} />
          {input("adjust-points", "Points to add, or with a minus to subtract", "points", { type: "number", step: "1" })}
        </>,
      )}
      <h3>The person</h3>
      <Part summary="Merge with another customer" isOpen={refused?.action === "preview"}>
        <form action={pathOf(customer.id, "merge")}>
          {refused?.action === "preview" && <Notice kind="error">{refused.problem}</Notice>}
          {input("preview", "Phone, name or id of the other customer", "loser", { maxlength: 200, required: true })}
          <button>Preview the merge</button>
        </form>
      </Part>
      {merges.length > 0 && form("unmerge", "Undo a merge", "Undo the merge", select("unmerge", "Merge", "merge_id", merges))}
      {form(
        "split",
        "Split",
        "Split the customer",
        <>
          <fieldset>
            <legend>Logins and orders of the other person</legend>
            {users.map((user) => tick("split", nameOfUser(user), "user_ids", user.id))}
            {orders.map((order) => (
              <Tick
                action="split"
                refused={refused}
                name="orders"
                value={String(order.id)}
                label={`Order ${order.id}`}
              />
            ))}
          </fieldset>
          {input("split", "Number of the other person, if known", "phone", newPhone)}
        </>,
      )}
      <p class="links">
        <a href={pathOf(customer.id, "export")}>Export</a> <a href={pathOf(customer.id, "erase")}>Erase</a>
      </p>
    </section>
  );
}

const shown = (content: unknown): string =>
  content === null || content === undefined || content === ""
    ? "none"
    : typeof content === "object"
      ? JSON.stringify(content)
      : String(content);

const Table = ({ caption, heads, rows }: { caption: string; heads: string[]; rows: Child[][] }) => (
  <table class="cards">
    <caption>{caption}</caption>
    <thead>
      <tr>
        {heads.map((head) => (
          <th scope="col">{head}</th>
        ))}
      </tr>
    </thead>
    <tbody>
      {rows.map(([first, ...rest]) => (
        <tr>
          <th scope="row" data-label={heads[0]}>
            {first}
          </th>
          {rest.map((cell, i) => (
            <td data-label={heads[i + 1]}>{cell}</td>
          ))}
        </tr>
      ))}
    </tbody>
  </table>
);

interface MergeProps {
  winner: { id: string; name: string };
  loser: { id: string; name: string };
  preview: MergePreview;
  refused?: Refused;
}

export const Merge = ({ winner, loser, preview, refused }: MergeProps) => (
  <>
    <p>
      <a href={pathOf(loser.id)}>{loser.name}</a> becomes part of{" "}
      <a href={pathOf(winner.id)}>{winner.name}</a>, who keeps the id.{" "}
      <a href={`${pathOf(loser.id, "merge")}?${new URLSearchParams({ loser: winner.id })}`}>
        The other way round
      </a>
    </p>
    {preview.refused && <Notice kind="error">{preview.refused}</Notice>}
    <Table
      caption="Side by side"
      heads={["Field", "Stays", "Goes", "Result"]}
      rows={[
        ...preview.fields.map(({ column, winner, loser, result }) => [
          column.replaceAll("_", " "),
          shown(winner),
          shown(loser),
          shown(result),
        ]),
      ]}
    />
    <Table
      caption="Rows that move"
      heads={["Table", "Rows", "Conflicts"]}
      rows={preview.tables.map(({ table, column, rows, conflicts }) => [
        `${table}, ${column.replaceAll("_", " ")}`,
        rows,
        conflicts.map(({ key, rows }) => `${key}: ${shown(rows)}`).join(", ") || "none",
      ])}
    />
    <p>
      Numbers: {preview.phones.join(", ") || "none"}. Points: {preview.points}.
    </p>
    <ActionForm to={pathOf(winner.id, "merge")} action="merge" button="Merge" refused={refused}>
      <Hidden fields={{ loser: loser.id }} />
    </ActionForm>
  </>
);

interface ErasureProps {
  id: string;
  preview: Erasure;
  refused?: Refused;
}

export const EraseForm = ({ id, preview, refused }: ErasureProps) => (
  <>
    {preview.refused && <Notice kind="error">{preview.refused}</Notice>}
    <Table
      caption="What happens to what is stored"
      heads={["Table", "Rows", "What", "Columns"]}
      rows={preview.tables.map(({ table, rows, what, columns = [] }) => [
        table,
        rows,
        what.replaceAll("_", " "),
        columns.join(", ") || "none",
      ])}
    />
    <p>This cannot be undone.</p>
    <ActionForm to={pathOf(id, "erase")} action="erase" button="Erase the person" refused={refused}>
      <Tick action="erase" refused={refused} name="delete_users" label="Delete the logins as well" />
    </ActionForm>
  </>
);

/** A preview of an export, and the file. */
export const Export = ({ id, found }: { id: string; found: Record<string, unknown> }) => (
  <>
    <p>
      <a href={`/admin/customers/${id}/export`} download={`customer-${id}.json`}>
        Download the file
      </a>
    </p>
    <pre tabindex={0}>{JSON.stringify(found, null, 2)}</pre>
  </>
);

interface DuplicatesProps {
  found: Page<Duplicate>;
  names: ReadonlyMap<string, string>;
  refused?: Refused;
}

const reasonOf = (reason: unknown) => shown(reason).replaceAll("_", " ");

export const Duplicates = ({ found, names, refused }: DuplicatesProps) => (
  <>
    {found.items.length === 0 && <p class="empty">Nobody.</p>}
    <ol class="suspects">
      {found.items.map(({ a, b, score, reasons }) => (
        <li>
          <a href={pathOf(a)}>{names.get(a)}</a> and <a href={pathOf(b)}>{names.get(b)}</a>{" "}
          <span class="badge">score {score}</span>
          <p>{reasons.map(reasonOf).join(", ")}</p>
          <p class="links">
            <a href={`${pathOf(a, "merge")}?${new URLSearchParams({ loser: b })}`}>Merge</a>
          </p>
          <Part summary="They are two people" isOpen={refused?.action === `dismiss-${a}-${b}`}>
            <ActionForm
              to="/back-office/duplicates"
              action={`dismiss-${a}-${b}`}
              button="Dismiss"
              refused={refused}
            >
              <Hidden fields={{ a, b }} />
            </ActionForm>
          </Part>
        </li>
      ))}
    </ol>
    {found.next && <a href={`?${new URLSearchParams({ after: found.next })}`}>Next page</a>}
  </>
);

const rules: Options = [
  ["nobody", "names nobody"],
  ["shared", "is shared by a household"],
  ["none", "has no rule"],
];

const RuleForm = ({ phone, refused }: { phone?: string; refused?: Refused }) => {
  const action = `rule-${phone ?? "new"}`;
  return (
    <ActionForm to="/back-office/numbers" action={action} button="Set the rule" refused={refused}>
      {phone ? (
        <Hidden fields={{ phone, form: action }} />
      ) : (
        <>
          <Hidden fields={{ form: action }} />
          <Input action={action} refused={refused} label="Number" name="phone" type="tel" required maxlength={40} />
        </>
      )}
      <Select action={action} refused={refused} label="It" name="rule" options={rules} />
    </ActionForm>
  );
};

export const Suspects = ({ found, refused }: { found: PhoneSuspect[]; refused?: Refused }) => (
  <>
    <h2>Any number</h2>
    <RuleForm refused={refused} />
    <h2>Numbers that look like placeholders</h2>
    {found.length === 0 && <p class="empty">None.</p>}
    <ol class="suspects">
      {found.map(({ phone, customer_id, users, guest_orders, names, why }) => (
        <li>
          <a href={pathOf(customer_id)}>
            <Phone number={phone} />
          </a>{" "}
          <span class="badge">{why.replaceAll("_", " ")}</span>
          <p>
            {users} logins with {names} names, {guest_orders} orders of guests
          </p>
          <Part summary="Rule" isOpen={refused?.action === `rule-${phone}`}>
            <RuleForm phone={phone} refused={refused} />
          </Part>
        </li>
      ))}
    </ol>
  </>
);
