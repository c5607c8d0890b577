// What every page has around it, and the small parts that pages are made of.
import type { Context } from "hono";
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { problemOf } from "../http/problem.js";
import type { Env } from "../http/session.js";
import { hasEmail, type User } from "../infrastructure/auth.js";

/** A number that stays on one line. */
export const Phone = ({ number }: { number: string }) => <span class="phone">{number}</span>;

/** The fields of a form or of a query string. */
export type Form = Record<string, string>;

/** What is wrong with the fields, by their names. */
export type Errors = Record<string, string>;

export const formOf = async (c: Context): Promise<Form> => (await c.req.parseBody()) as Form;

const money = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });
const date = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "medium",
  timeStyle: "short",
  timeZone: "UTC",
});

const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });

export const Money = ({ amount }: { amount: number }) => (
  <span class="number">{money.format(amount)}</span>
);

export const When = ({ at }: { at: string }) => (
  <time datetime={at}>{date.format(new Date(at))}</time>
);

export const Day = ({ at }: { at: string }) => (
  <time datetime={at}>{day.format(new Date(at))}</time>
);

export const Notice = ({ kind, children }: { kind: "note" | "error"; children: Child }) => (
  <p class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
    {children}
  </p>
);

export const Hidden = ({ fields }: { fields: Form }) => (
  <>
    {Object.entries(fields).map(([name, value]) => (
      <input type="hidden" name={name} value={value} />
    ))}
  </>
);

/** What an input has on it while something is wrong with it. The first such field gets the focus. */
export const invalid = (name: string, errors: Errors) =>
  errors[name] && {
    "aria-invalid": "true",
    "aria-describedby": `${name}-error`,
    autofocus: true,
  };

export const FieldError = ({ name, errors }: { name: string; errors: Errors }) => (
  <>
    {errors[name] && (
      <span class="wrong" id={`${name}-error`}>
        {errors[name]}
      </span>
    )}
  </>
);

/** An input with its label and its error; all else is passed on to the input. */
export const Field = ({
  label,
  name,
  id = name,
  errors = {},
  ...input
}: {
  label: string;
  name: string;
  id?: string;
  errors?: Errors;
  [attribute: string]: unknown;
}) => (
  <p class="field">
    <label for={id}>{label}</label>
    <input id={id} name={name} {...input} {...invalid(name, errors)} />
    <FieldError name={name} errors={errors} />
  </p>
);

type Link = [path: string, text: string];

function linksOf(user: User | null): Link[] {
  const goods: Link = ["/", "Goods"];
  if (!user) return [goods, ["/sign-in", "Sign in"], ["/sign-up", "Sign up"]];
  const shopper: Link[] = [goods, ["/orders", "Your orders"]];
  if (user.role !== "admin") return shopper;
  return [...shopper, ["/back-office", "Customers"], ["/back-office/duplicates", "Duplicates"], ["/back-office/numbers", "Numbers"], ["/back-office/insight", "Insight"]];
}

const ShopLinks = ({ user, path }: { user: User | null; path: string }) => (
  <>
    {linksOf(user).map(([href, text]) => (
      <a href={href} aria-current={href === path ? "page" : undefined}>
        {text}
      </a>
    ))}
    {user && (
      <form method="post" action="/sign-out">
        <button class="link">Sign out{user.name && ` ${user.name}`}</button>
      </form>
    )}
  </>
);

/** The page about the confirmation of e-mail addresses reminds nobody of it. */
const confirmation = "/confirm-email";

const EmailReminder = () => (
  <form method="post" action={confirmation} class="notice note">
    Your e-mail address is not confirmed yet. You can do that whenever you like.{" "}
    <button class="link">Send the link again</button>
  </form>
);

export const Layout = ({
  title,
  user,
  path,
  children,
}: {
  title: string;
  user: User | null;
  path: string;
  children: Child;
}) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{title} · Tea shop</title>
      <link rel="icon" href="/files/icon.svg" />
      <link rel="stylesheet" href="/files/shop.css" />
      <script src="/files/shop.js" defer></script>
    </head>
    <body>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header>
        <a class="brand" href="/">
          Tea shop
        </a>
        <nav aria-label="Main">
          <ShopLinks user={user} path={path} />
        </nav>
      </header>
      <main id="main" tabindex={-1}>
        {user && !user.emailVerified && hasEmail(user) && path !== confirmation && (
          <EmailReminder />
        )}
        <h1>{title}</h1>
        {children}
      </main>
      <p id="announcement" class="unseen" role="status"></p>
    </body>
  </html>
);

export function page(
  c: Context<Env>,
  title: string,
  content: Child,
  status: ContentfulStatusCode = 200,
) {
  const body = (
    <Layout title={title} user={c.var.user ?? null} path={c.req.path}>
      {content}
    </Layout>
  );
  return c.html(html`<!doctype html>${body}`, status);
}

const failures: Record<number, [title: string, text: string]> = {
  400: ["This address does not work", "Something in it is not as it should be."],
  403: ["Not for this login", "You are not allowed to see or do this."],
  404: ["Nothing here", "There is no such page, or it is somebody else's."],
  409: ["That did not work", "It conflicts with something else that is stored."],
  413: ["That did not work", "What was sent is too long."],
  503: ["The shop is busy", "Please try again in a moment."],
};

/** A page for what went wrong; who is not signed in is asked to, and then comes back. */
export function errorPage(c: Context<Env>, error: unknown) {
  const { status } = problemOf(error);
  const isRead = c.req.method === "GET";
  if (status === 401) {
    const { pathname, search } = new URL(c.req.url);
    const next = new URLSearchParams({ next: pathname + search });
    return isRead ? c.redirect(`/sign-in?${next}`) : c.redirect("/sign-in", 303);
  }
  const [title, text] = failures[status] ?? [
    "That did not work",
    "Something went wrong on our side. Please try again in a moment.",
  ];
  return page(
    c,
    title,
    <>
      <p id="failure">{text}</p>
      {!isRead && <p>What you typed is still there when you go back.</p>}
      <p class="links">
        {isRead && status === 400 && <a href={c.req.path}>Start again</a>}
        <a href="/">Go to the shop</a>
      </p>
    </>,
    status,
  );
}
