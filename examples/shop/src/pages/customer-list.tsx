// The customers as a list: search, filters, sort, and pages of results.
import type { Customer, ListedCustomer } from "../domain/customer.js";
import { type CustomerQuery, customerSorts } from "../domain/customer-repository.js";
import type { Page } from "../domain/page.js";
import {
  Day,
  type Errors,
  Field,
  FieldError,
  type Form,
  invalid,
  Money,
  Notice,
  Phone,
} from "./layout.js";

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
  errors = {},
}: {
  label: string;
  name: string;
  chosen?: string;
  options: [string, string][];
  errors?: Errors;
}) => (
  <p class="field">
    <label for={name}>{label}</label>
    <select id={name} name={name} {...invalid(name, errors)}>
      {options.map(([value, text]) => (
        <option value={value} selected={value === chosen}>
          {text}
        </option>
      ))}
    </select>
    <FieldError name={name} errors={errors} />
  </p>
);

interface YesNoProps {
  label: string;
  name: string;
  form: Form;
  errors: Errors;
}

const YesNo = ({ label, name, form, errors }: YesNoProps) => (
  <Choice
    label={label}
    name={name}
    chosen={form[name]}
    options={[
      ["", "any"],
      ["true", "yes"],
      ["false", "no"],
    ]}
    errors={errors}
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

interface FiltersProps {
  form: Form;
  query: CustomerQuery;
  errors: Errors;
}

/** `/back-office` with the filters that the form can change taken off. */
const cleared = (form: Form) => {
  const { page_size, sort } = form;
  return `/back-office?${new URLSearchParams({ ...(page_size && { page_size }), ...(sort && { sort }) })}`;
};

export const Filters = ({ form, query, errors }: FiltersProps) => (
  <form action="/back-office" class="filters" data-live data-swap="results" role="search">
    <Field
      label="Search phone, name or e-mail"
      name="search"
      type="search"
      value={form.search}
      errors={errors}
      maxlength={200}
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
    {form.page_size && <input type="hidden" name="page_size" value={form.page_size} />}
    <details open={filterNames.some((name) => form[name])}>
      <summary>Filters</summary>
      <div class="columns">
        <YesNo label="Phone verified" name="verified" form={form} errors={errors} />
        <YesNo label="Has a login" name="has_users" form={form} errors={errors} />
        <YesNo label="Shared by several logins" name="shared" form={form} errors={errors} />
        <Field
          label="Orders, at least"
          name="min_orders"
          type="number"
          min="0"
          max="1000000"
          step="1"
          value={form.min_orders}
          errors={errors}
        />
        <Field
          label="Spent, at least"
          name="min_spent"
          type="number"
          min="0"
          step="0.01"
          value={form.min_spent}
          errors={errors}
        />
        <Field
          label="Customer since"
          name="created_from"
          type="date"
          value={form.created_from}
          errors={errors}
        />
        <Field
          label="Customer before"
          name="created_to"
          type="date"
          value={form.created_to}
          errors={errors}
        />
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
      {customer.phone ? <Phone number={customer.phone} /> : "no phone"}{" "}
      <Verified customer={customer} />
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
      <Day at={customer.created_at} />
    </td>
  </tr>
);

/** In the place of results. */
export const NoSearch = () => (
  <section id="results" aria-label="Results">
    <Notice kind="error">Please check the filters that are marked.</Notice>
  </section>
);

const CustomerTable = ({ items }: { items: ListedCustomer[] }) => (
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
      {items.map((customer) => (
        <CustomerRow customer={customer} />
      ))}
    </tbody>
  </table>
);

export const Results = ({ found, form }: { found: Page<ListedCustomer>; form: Form }) => (
  <section id="results" aria-label="Results">
    <p role="status">
      {found.items.length === 0
        ? "Nobody was found."
        : `${found.items.length} ${found.next ? "shown, there are more" : "found"}.`}
    </p>
    {found.items.length === 0 ? (
      <p class="empty">
        <a href={cleared(form)}>Show everybody</a>
      </p>
    ) : (
      <CustomerTable items={found.items} />
    )}
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
