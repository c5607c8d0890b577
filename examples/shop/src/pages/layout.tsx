// What every page has around it, and the small parts that pages are made of.
import type { Context } from "hono";
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { problemOf } from "../http/problem.js";
import type { Env } from "../http/session.js";
import { hasEmail, type User } from "../infrastructure/auth.js";

/** The fields of a form or of a query string. */
export type Form = Record<string, string>;

const money = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });
const date = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "medium",
  timeStyle: "short",
  timeZone: "UTC",
});

export const Money = ({ amount }: { amount: number }) => (
  <span class="number">{money.format(amount)}</span>
);

export const When = ({ at }: { at: string }) => (
  <time datetime={at}>{date.format(new Date(at))}</time>
);

export const Notice = ({ kind, children }: { kind: "note" | "error"; children: Child }) => (
  <p class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
    {children}
  </p>
);

/** An input with its label; all else is passed on to the input. */
export const Field = ({
  label,
  name,
  ...input
}: {
  label: string;
  name: string;
  [attribute: string]: unknown;
}) => (
  <p class="field">
    <label for={name}>{label}</label>
    <input id={name} name={name} {...input} />
  </p>
);

const ShopLinks = ({ user }: { user: User | null }) => (
  <>
    <a href="/">Goods</a>
    {user && <a href="/orders">Your orders</a>}
    {user?.role === "admin" && <a href="/back-office">Customers</a>}
    {user?.role === "admin" && <a href="/back-office/insight">Insight</a>}
    {user ? (
      <form method="post" action="/sign-out">
        <button class="link">Sign out {user.name}</button>
      </form>
    ) : (
      <>
        <a href="/sign-in">Sign in</a>
        <a href="/sign-up">Sign up</a>
      </>
    )}
  </>
);

const EmailReminder = () => (
  <form method="post" action="/confirm-email" class="notice note">
    Your e-mail address is not confirmed yet. You can do that whenever you like.{" "}
    <button class="link">Send the link again</button>
  </form>
);

export const Layout = ({
  title,
  user,
  children,
}: {
  title: string;
  user: User | null;
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
          <ShopLinks user={user} />
        </nav>
      </header>
      <main id="main">
        {user && !user.emailVerified && hasEmail(user) && <EmailReminder />}
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
    <Layout title={title} user={c.var.user ?? null}>
      {content}
    </Layout>
  );
  return c.html(html`<!doctype html>${body}`, status);
}

/** A page for what went wrong; who is not signed in is asked to. */
export function errorPage(c: Context<Env>, error: unknown) {
  const { status, title, detail, errors } = problemOf(error);
  if (status === 401) return c.redirect("/sign-in");
  return page(
    c,
    "That did not work",
    <>
      <Notice kind="error">
        {title}. {detail}
      </Notice>
      {errors && (
        <ul>
          {errors.map(({ path, message }) => (
            <li>
              {path}: {message}
            </li>
          ))}
        </ul>
      )}
    </>,
    status,
  );
}
