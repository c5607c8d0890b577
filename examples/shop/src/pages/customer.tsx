// One customer: totals, logins, what happened, and the notes to be edited.
import type { CustomerDetails } from "../domain/customer.js";
import type { CustomerUser, HistoryEvent } from "../domain/customer-repository.js";
import { Verified } from "./customer-list.js";
import {
  type Errors,
  Field,
  FieldError,
  type Form,
  invalid,
  Money,
  Notice,
  Phone,
  When,
} from "./layout.js";

export const Totals = ({ customer }: { customer: CustomerDetails }) => (
  <dl class="tiles">
    <div class="wide">
      <dt>Phone</dt>
      <dd>
        {customer.phone ? <Phone number={customer.phone} /> : "no phone"}{" "}
        <Verified customer={customer} />
      </dd>
    </div>
    <div>
      <dt>Orders</dt>
      <dd>{customer.total_orders}</dd>
    </div>
    <div>
      <dt>Spent</dt>
      <dd>
        <Money amount={customer.total_spent} />
      </dd>
    </div>
    <div>
      <dt>Points</dt>
      <dd>{customer.loyalty_points}</dd>
    </div>
    <div>
      <dt>Logins</dt>
      <dd>
        {customer.users}
        {customer.open_claims > 0 && <small>, {customer.open_claims} unproved</small>}
      </dd>
    </div>
    <div class="wide">
      <dt>Last order</dt>
      <dd>{customer.last_order_at ? <When at={customer.last_order_at} /> : "none"}</dd>
    </div>
  </dl>
);

/** What can be edited, and of which state of the customer the edit is. */
export const EditorFields = ({ values, errors = {} }: { values: Form; errors?: Errors }) => (
  <>
    <input type="hidden" name="expected_updated_at" value={values.expected_updated_at} />
    <Field
      label="Preferred name"
      name="preferred_name"
      value={values.preferred_name}
      errors={errors}
      maxlength={100}
    />
    <p class="field">
      <label for="notes">Notes</label>
      <textarea id="notes" name="notes" rows={4} maxlength={10000} {...invalid("notes", errors)}>
        {values.notes}
      </textarea>
      <FieldError name="notes" errors={errors} />
    </p>
  </>
);

export interface Edit {
  /** What the administrator typed. */
  draft?: Form;
  errors?: Errors;
  conflict?: boolean;
  saved?: boolean;
}

/** Saved in place by shop.js, or by a page load without it. */
export const Editor = ({
  customer,
  draft,
  errors,
  conflict,
  saved,
}: Edit & { customer: CustomerDetails }) => (
  <form method="post" action={`/back-office/customers/${customer.id}`} data-swap="main">
    {saved && <Notice kind="note">Saved.</Notice>}
    {conflict && (
      <Notice kind="error">
        Somebody else has edited this customer in the meantime. The name is now “
        {customer.preferred_name ?? ""}” and the notes are “{customer.notes ?? ""}”. Below is what
        you typed: saving puts it in their place.
      </Notice>
    )}
    <EditorFields
      values={{
        preferred_name: customer.preferred_name ?? "",
        notes: customer.notes ?? "",
        ...draft,
        expected_updated_at: customer.updated_at,
      }}
      errors={errors}
    />
    <button id="save">Save</button>
  </form>
);

export const Users = ({ users }: { users: CustomerUser[] }) => (
  <ul class="people">
    {users.map((user) => (
      <li>
        <strong>{user.name || "Unnamed"}</strong>{" "}
        {user.proved ? (
          <span class="badge good">proved</span>
        ) : (
          <span class="badge">claims the phone</span>
        )}
        <span class="line">{user.email}</span>
        <span class="line">{user.phones.join(" and ") || "no phone"}</span>
      </li>
    ))}
  </ul>
);

const eventNames: Record<string, string> = {
  created: "Became a customer",
  user_linked: "Login linked",
  user_unlinked: "Login unlinked",
  proof_made: "Phone proved",
  proof_ended: "Proof ended",
  points_adjusted: "Points adjusted",
  points_redeemed: "Points redeemed",
  edited: "Edited",
  phone_added: "Number added",
  phone_changed: "Number changed",
  phone_released: "Number released",
  phone_rule_set: "Rule for the number set",
  merged: "Merged with another customer",
  unmerged: "Merge undone",
  split: "Split",
  holder_confirmed: "Holder of the number confirmed",
  possible_new_holder: "Number proved, perhaps by a new holder",
  duplicate_dismissed: "Is not the same person as another customer",
};

const textOf = (value: unknown) =>
  typeof value === "object" ? JSON.stringify(value) : String(value).replaceAll("_", " ");

/** What is worth reading of an event's details: which login, by what, from which text to which. */
function detailsOf(details: HistoryEvent["details"], users: CustomerUser[]): string {
  const { table: _, user_id, ...rest } = details;
  const told = Object.entries(rest).map(([name, value]) =>
    value !== null && typeof value === "object" && "new" in value && "old" in value
      ? `${name.replaceAll("_", " ")}: “${value.old ?? ""}” became “${value.new ?? ""}”`
      : `${name.replaceAll("_", " ")}: ${textOf(value)}`,
  );
  const user = users.find(({ id }) => id === user_id);
  return [...(user_id ? [user?.email ?? String(user_id)] : []), ...told].join(", ");
}

export const Timeline = ({
  history,
  users,
}: {
  history: HistoryEvent[];
  users: CustomerUser[];
}) => (
  <ol class="timeline">
    {history.map(({ at, event, actor, details }) => (
      <li>
        <When at={at} /> <strong>{eventNames[event] ?? event}</strong>
        {actor && actor !== details.user_id && ` by ${actor}`}
        <small>{detailsOf(details, users)}</small>
      </li>
    ))}
  </ol>
);
