// The customers as a list: search, filters, sort, and pages of results.
import type { Customer, ListedCustomer } from "../domain/customer.js";
import { type CustomerQuery, customerSorts } from "../domain/customer-repository.js";
import type { Page } from "../domain/page.js";
import { Field, type Form, Money, When } from "./layout.js";

const sortNames: Record<(typeof customerSorts)[number], [up: string, down: string]> = {
  created_at: ["Oldest first", "Newest first"],
  updated_at: ["Edited longest ago", "Edited last"],
  preferred_name: ["Name, A to Z", "Name, Z to A"],
  total_spent: ["Spent least", "Spent most"],
  total_orders: ["Fewest orders", "Most orders"],
};

const Choice = ({
  label,
  name,
  chosen,
  options,
}: {
  label: string;
  name: string;
  chosen?: string;
  options: [string, string][];
}) => (
  <p class="field">
    <label for={name}>{label}</label>
    <select id={name} name={name}>
      {options.map(([value, text]) => (
        <option value={value} selected={value === chosen}>
          {text}
        </option>
      ))}
    </select>
  </p>
);

const YesNo = ({ label, name, form }: { label: string; name: string; form: Form }) => (
  <Choice
    label={label}
    name={name}
    chosen={form[name]}
    options={[
      ["", "any"],
      ["true", "yes"],
      ["false", "no"],
    ]}
  />
);

const filterNames = [
  "verified",
  "has_users",
  "shared",
  "min_orders",
  "min_spent",
  "created_from",
  "created_to",
];

export const Filters = ({ form, query }: { form: Form; query: CustomerQuery }) => (
  <form action="/back-office" class="filters" data-live data-swap="results" role="search">
    <Field
      label="Search phone, name or e-mail"
      name="search"
      type="search"
      value={form.search}
      autocomplete="off"
    />
    <Choice
      label="Sort"
      name="sort"
      chosen={query.sort}
      options={customerSorts.flatMap((key): [string, string][] => [
        [`-${key}`, sortNames[key][1]],
        [key, sortNames[key][0]],
      ])}
    />
    <details open={filterNames.some((name) => form[name])}>
      <summary>Filters</summary>
      <div class="columns">
        <YesNo label="Phone verified" name="verified" form={form} />
        <YesNo label="Has a login" name="has_users" form={form} />
        <YesNo label="Shared by several logins" name="shared" form={form} />
        <Field
          label="Orders, at least"
          name="min_orders"
          type="number"
          min="0"
          value={form.min_orders}
        />
        <Field
          label="Spent, at least"
          name="min_spent"
          type="number"
          min="0"
          value={form.min_spent}
        />
        <Field label="Customer since" name="created_from" type="date" value={form.created_from} />
        <Field label="Customer before" name="created_to" type="date" value={form.created_to} />
      </div>
    </details>
    <button>Search</button>
  </form>
);

export const Verified = ({ customer }: { customer: Customer }) =>
  customer.is_phone_verified ? (
    <span class="badge good">verified</span>
  ) : (
    <span class="badge">not verified</span>
  );

export const nameOf = (customer: Customer) =>
  customer.preferred_name || customer.phone || "Unnamed";

const CustomerRow = ({ customer }: { customer: ListedCustomer }) => (
  <tr>
    <th scope="row">
      <a href={`/back-office/customers/${customer.id}`}>{nameOf(customer)}</a>
    </th>
    <td data-label="Phone">
      {customer.phone} <Verified customer={customer} />
    </td>
    <td data-label="Logins" class="number">
      {customer.users}
    </td>
    <td data-label="Orders" class="number">
      {customer.total_orders}
    </td>
    <td data-label="Spent" class="number">
      <Money amount={customer.total_spent} />
    </td>
    <td data-label="Since">
      <When at={customer.created_at} />
    </td>
  </tr>
);

export const Results = ({ found, form }: { found: Page<ListedCustomer>; form: Form }) => (
  <section id="results" aria-label="Results">
    <p role="status">
      {found.items.length === 0
        ? "Nobody was found."
        : `${found.items.length} ${found.next ? "shown, there are more" : "found"}.`}
    </p>
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">Customer</th>
          <th scope="col">Phone</th>
          <th scope="col" class="number">
            Logins
          </th>
          <th scope="col" class="number">
            Orders
          </th>
          <th scope="col" class="number">
            Spent
          </th>
          <th scope="col">Since</th>
        </tr>
      </thead>
      <tbody>
        {found.items.map((customer) => (
          <CustomerRow customer={customer} />
        ))}
      </tbody>
    </table>
    <nav aria-label="Pages" class="pages">
      {form.after && (
        <a href={`/back-office?${new URLSearchParams(without(form, "after"))}`}>First page</a>
      )}
      {found.next && (
        <a href={`/back-office?${new URLSearchParams({ ...form, after: found.next })}`}>
          Next page
        </a>
      )}
    </nav>
  </section>
);

function without(form: Form, name: string): Form {
  const { [name]: _, ...rest } = form;
  return rest;
}
