// Signing up, in and out. The forms are handed to Better Auth as the requests that its own client sends.
import { type Context, Hono } from "hono";
import type { Child } from "hono/jsx";
import type { ShopServices } from "../http/services.js";
import { type Env, forAuth, requireUser } from "../http/session.js";
import type { User } from "../infrastructure/auth.js";
import { EditorFields } from "./customer.js";
import { type Errors, Field, type Form, formOf, Hidden, Notice, Phone, page } from "./layout.js";

interface FormProps {
  form: Form;
  problem?: string;
  errors?: Errors;
}

/** Where to go after signing in: a path of the shop, whatever a link says. */
function pathOf(next: string | undefined): string | undefined {
  const shop = "http://shop.invalid";
  if (!next?.startsWith("/") || !URL.canParse(next, shop)) return undefined;
  const { origin, pathname, search } = new URL(next, shop);
  return origin === shop && !pathname.startsWith("//") ? pathname + search : undefined;
}

const withNext = (path: string, next: string | undefined) =>
  next ? `${path}?${new URLSearchParams({ next })}` : path;

const SignUp = ({ form, problem, errors }: FormProps) => (
  <form method="post" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    <Field
      label="Name"
      name="name"
      value={form.name}
      autocomplete="name"
      required
      maxlength={100}
    />
    <Field
      label="E-mail"
      name="email"
      type="email"
      value={form.email}
      autocomplete="email"
      required
    />
    <Field
      label="Phone, if you like"
      name="phone"
      type="tel"
      value={form.phone}
      errors={errors}
      autocomplete="tel"
      maxlength={40}
    />
    <Field
      label="Password, 8 characters or more"
      name="password"
      type="password"
      autocomplete="new-password"
      required
      minlength={8}
    />
    <button>Sign up</button>
    <p>
      Or <a href="/sign-in/phone">sign up with a code to your phone</a>.
    </p>
  </form>
);

const isDraft = (form: Form) => form.expected_updated_at !== undefined;

/** With the edit of a customer that came after the session had ended, it is stored once somebody is signed in. */
const SignIn = ({ form, problem }: FormProps) => (
  <form method="post" action="/sign-in" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    {!problem && form.next && <Notice kind="note">Please sign in to go on.</Notice>}
    <Hidden fields={form.next ? { next: form.next } : {}} />
    <Field
      label="E-mail"
      name="email"
      type="email"
      value={form.email}
      autocomplete="email"
      required
      autofocus={isDraft(form)}
    />
    <Field
      label="Password"
      name="password"
      type="password"
      autocomplete="current-password"
      required
    />
    {isDraft(form) && <EditorFields values={form} />}
    <button>{isDraft(form) ? "Sign in and save" : "Sign in"}</button>
    {!isDraft(form) && (
      <p>
        Or <a href={withNext("/sign-in/phone", form.next)}>sign in with a code to your phone</a>.
      </p>
    )}
  </form>
);

export const signInToSave = async (c: Context<Env>) => {
  const form = { ...(await formOf(c)), next: c.req.path };
  const problem = "You are not signed in any more. What you typed is kept: sign in to save it.";
  return page(c, "Sign in", <SignIn form={form} problem={problem} />, 401);
};

const PhoneStep = ({ form, problem, errors }: FormProps) => (
  <form method="post" action="/sign-in/phone" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    <Hidden fields={form.next ? { next: form.next } : {}} />
    <Field
      label="Phone"
      name="phone"
      type="tel"
      value={form.phone}
      errors={errors}
      autocomplete="tel"
      required
      maxlength={40}
    />
    <button>Send a code</button>
  </form>
);

const CodeStep = ({ form, problem, children }: FormProps & { children: Child }) => (
  <form method="post" action="/sign-in/phone/code" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    <Notice kind="note">{children}</Notice>
    <Hidden fields={{ phone: form.phone ?? "", ...(form.next && { next: form.next }) }} />
    <Field
      label="Code"
      name="code"
      inputmode="numeric"
      autocomplete="one-time-code"
      required
      autofocus
      maxlength={20}
    />
    <Field
      label="Name, if you are new here"
      name="name"
      value={form.name}
      autocomplete="name"
      maxlength={100}
    />
    <button>Sign in</button>
    <button formaction="/sign-in/phone" formnovalidate class="link">
      Send another code
    </button>
    <p>
      Or <a href={withNext("/sign-in/phone", form.next)}>take another phone</a>.
    </p>
  </form>
);

/** What Better Auth says as programs do. */
const sentences: Record<string, string> = {
  INVALID_OTP: "That is not the code, or it is too old.",
  INVALID_EMAIL_OR_PASSWORD: "The e-mail address or the password is not right.",
};

const Confirmation = ({ user }: { user: User | null }) => (
  <>
    <Notice kind="error">This link is too old, or not complete.</Notice>
    {user ? (
      <form method="post" action="/confirm-email">
        <button>Send another link</button>
      </form>
    ) : (
      <p>
        <a href="/sign-in?next=/confirm-email">Sign in to have another one sent</a>
      </p>
    )}
  </>
);

export function accountPages({ auth, phones }: ShopServices) {
  const pages = new Hono<Env>();

  interface Answer {
    problem?: string;
    status: number;
    user?: { role?: string };
  }

  /** Asks Better Auth, hands its cookies on, and returns why it refused, if it did. */
  async function ask(c: Context<Env>, path: string, body: Form): Promise<Answer> {
    const headers = new Headers(c.req.raw.headers);
    headers.set("content-type", "application/json");
    headers.delete("content-length");
    const url = new URL(`/api/auth${path}`, c.req.url);
    const request = new Request(url, { method: "POST", headers, body: JSON.stringify(body) });
    const response = await auth.handler(forAuth(c, request));
    for (const cookie of response.headers.getSetCookie())
      c.header("set-cookie", cookie, { append: true });
    const { status } = response;
    const answer = (await response.json().catch(() => ({}))) as Pick<Answer, "user"> & {
      code?: string;
      message?: string;
    };
    if (response.ok) return { status, user: answer.user };
    const problem = sentences[answer.code ?? ""] ?? answer.message;
    return { status, problem: problem ?? "That did not work. Please try again." };
  }

  /** Back to where the visitor wanted to go, with what the visitor wanted to save. */
  const welcome = (c: Context<Env>, form: Form, user: Answer["user"]) => {
    const home = user?.role === "admin" ? "/back-office" : "/";
    return c.redirect(pathOf(form.next) ?? home, isDraft(form) ? 307 : 303);
  };

  const written = async (phone: string) => (await phones.written([phone])).get(phone);
  const unreadable = { phone: "This phone number cannot be read. Please check it." };

  pages.get("/sign-up", (c) => page(c, "Sign up", <SignUp form={{}} />));
  pages.post("/sign-up", async (c) => {
    const form = await formOf(c);
    const { name = "", email = "", password = "", phone } = form;
    if (phone && !(await written(phone)))
      return page(c, "Sign up", <SignUp form={form} errors={unreadable} />, 422);
    const { problem } = await ask(c, "/sign-up/email", {
      name,
      email,
      password,
      ...(phone && { phone }),
    });
    return problem
      ? page(c, "Sign up", <SignUp problem={problem} form={form} />, 422)
      : c.redirect("/", 303);
  });

  pages.get("/sign-in", (c) => {
    const next = pathOf(c.req.query("next"));
    return page(c, "Sign in", <SignIn form={next ? { next } : {}} />);
  });
  pages.post("/sign-in", async (c) => {
    const form = await formOf(c);
    const { email = "", password = "" } = form;
    const { problem, user } = await ask(c, "/sign-in/email", { email, password });
    return problem
      ? page(c, "Sign in", <SignIn problem={problem} form={form} />, 422)
      : welcome(c, form, user);
  });

  pages.get("/sign-in/phone", (c) => {
    const next = pathOf(c.req.query("next"));
    return page(c, "Sign in by phone", <PhoneStep form={next ? { next } : {}} />);
  });
  pages.post("/sign-in/phone", async (c) => {
    const form = await formOf(c);
    const phone = await written(form.phone ?? "");
    const title = "Sign in by phone";
    if (!phone) return page(c, title, <PhoneStep form={form} errors={unreadable} />, 422);
    const { problem, status } = await ask(c, "/phone-number/send-otp", {
      phoneNumber: form.phone ?? "",
    });
    if (problem && status !== 429)
      return page(c, title, <PhoneStep form={form} problem={problem} />, 422);
    // A code that came a moment ago still works: its field stays.
    const step = (
      <CodeStep form={form} problem={problem}>
        {problem ? "A code that came before still works: it went to " : "We sent a code to "}
        <Phone number={phone} />.
      </CodeStep>
    );
    return page(c, title, step, problem ? 422 : 200);
  });
  pages.post("/sign-in/phone/code", async (c) => {
    const form = await formOf(c);
    const { phone = "", code = "", name = "" } = form;
    const { problem, user } = await ask(c, "/phone-number/verify", {
      phoneNumber: phone,
      code,
      name,
    });
    if (!problem) return welcome(c, form, user);
    const step = (
      <CodeStep form={form} problem={problem}>
        The code went to <Phone number={(await written(phone)) ?? phone} />.
      </CodeStep>
    );
    return page(c, "Sign in by phone", step, 422);
  });

  pages.post("/sign-out", async (c) => {
    await ask(c, "/sign-out", {});
    return c.redirect("/", 303);
  });

  const confirmation = "Confirm your e-mail address";
  const goods = (
    <p>
      <a href="/">Go to the shop</a>
    </p>
  );
  pages.get("/confirm-email", (c) => {
    const { user } = c.var;
    if (c.req.query("error") || user?.emailVerified === false)
      return page(c, confirmation, <Confirmation user={user} />, 422);
    return page(
      c,
      confirmation,
      <>
        <Notice kind="note">Thank you. Your e-mail address is confirmed.</Notice>
        {goods}
      </>,
    );
  });
  pages.post("/confirm-email", requireUser, async (c) => {
    const { email } = c.var.user!;
    const { problem } = await ask(c, "/send-verification-email", { email });
    return page(
      c,
      confirmation,
      <>
        {problem ? (
          <Notice kind="error">{problem}</Notice>
        ) : (
          <Notice kind="note">We sent a link to {email}.</Notice>
        )}
        {goods}
      </>,
      problem ? 422 : 200,
    );
  });

  return pages;
}
