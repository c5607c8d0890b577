// Signing up, in and out. The forms are handed to Better Auth as the requests that its own client sends.
import { type Context, Hono } from "hono";
import type { ShopServices } from "../http/services.js";
import { type Env, forAuth } from "../http/session.js";
import { Field, type Form, Notice, page } from "./layout.js";

const SignUp = ({ problem, form }: { problem?: string; form: Form }) => (
  <form method="post" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    <Field label="Name" name="name" value={form.name} autocomplete="name" required />
    <Field
      label="E-mail"
      name="email"
      type="email"
      value={form.email}
      autocomplete="email"
      required
    />
    <Field label="Phone" name="phone" type="tel" value={form.phone} autocomplete="tel" />
    <Field
      label="Password"
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

const SignIn = ({ problem, email }: { problem?: string; email?: string }) => (
  <form method="post" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    <Field label="E-mail" name="email" type="email" value={email} autocomplete="email" required />
    <Field
      label="Password"
      name="password"
      type="password"
      autocomplete="current-password"
      required
    />
    <button>Sign in</button>
    <p>
      Or <a href="/sign-in/phone">sign in with a code to your phone</a>.
    </p>
  </form>
);

const PhoneStep = ({ problem, phone }: { problem?: string; phone?: string }) => (
  <form method="post" class="narrow">
    {problem && <Notice kind="error">{problem}</Notice>}
    <Field label="Phone" name="phone" type="tel" value={phone} autocomplete="tel" required />
    <button>Send a code</button>
  </form>
);

const CodeStep = ({ problem, phone }: { problem?: string; phone: string }) => (
  <form method="post" action="/sign-in/phone/code" class="narrow">
    {problem ? (
      <Notice kind="error">{problem}</Notice>
    ) : (
      <Notice kind="note">We sent a code to {phone}.</Notice>
    )}
    <input type="hidden" name="phone" value={phone} />
    <Field
      label="Code"
      name="code"
      inputmode="numeric"
      autocomplete="one-time-code"
      required
      autofocus
    />
    <Field label="Name, if you are new here" name="name" autocomplete="name" />
    <button>Sign in</button>
  </form>
);

export function accountPages({ auth }: ShopServices) {
  const pages = new Hono<Env>();

  /** Asks Better Auth, hands its cookies on, and returns why it refused, if it did. */
  async function ask(c: Context<Env>, path: string, body: Form): Promise<string | undefined> {
    const headers = new Headers(c.req.raw.headers);
    headers.set("content-type", "application/json");
    headers.delete("content-length");
    const url = new URL(`/api/auth${path}`, c.req.url);
    const request = new Request(url, { method: "POST", headers, body: JSON.stringify(body) });
    const response = await auth.handler(forAuth(c, request));
    for (const cookie of response.headers.getSetCookie())
      c.header("set-cookie", cookie, { append: true });
    if (response.ok) return undefined;
    const refusal = (await response.json().catch(() => ({}))) as { message?: string };
    return refusal.message ?? "That did not work.";
  }

  const formOf = async (c: Context) => (await c.req.parseBody()) as Form;

  pages.get("/sign-up", (c) => page(c, "Sign up", <SignUp form={{}} />));
  pages.post("/sign-up", async (c) => {
    const form = await formOf(c);
    const { name = "", email = "", password = "", phone } = form;
    const problem = await ask(c, "/sign-up/email", {
      name,
      email,
      password,
      ...(phone && { phone }),
    });
    return problem
      ? page(c, "Sign up", <SignUp problem={problem} form={form} />, 422)
      : c.redirect("/", 303);
  });

  pages.get("/sign-in", (c) => page(c, "Sign in", <SignIn />));
  pages.post("/sign-in", async (c) => {
    const { email = "", password = "" } = await formOf(c);
    const problem = await ask(c, "/sign-in/email", { email, password });
    return problem
      ? page(c, "Sign in", <SignIn problem={problem} email={email} />, 422)
      : c.redirect("/", 303);
  });

  pages.get("/sign-in/phone", (c) => page(c, "Sign in by phone", <PhoneStep />));
  pages.post("/sign-in/phone", async (c) => {
    const { phone = "" } = await formOf(c);
    const problem = await ask(c, "/phone-number/send-otp", { phoneNumber: phone });
    const step = problem ? (
      <PhoneStep problem={problem} phone={phone} />
    ) : (
      <CodeStep phone={phone} />
    );
    return page(c, "Sign in by phone", step, problem ? 422 : 200);
  });
  pages.post("/sign-in/phone/code", async (c) => {
    const { phone = "", code = "", name = "" } = await formOf(c);
    const problem = await ask(c, "/phone-number/verify", { phoneNumber: phone, code, name });
    if (!problem) return c.redirect("/", 303);
    return page(c, "Sign in by phone", <CodeStep phone={phone} problem={problem} />, 422);
  });

  pages.post("/sign-out", async (c) => {
    await ask(c, "/sign-out", {});
    return c.redirect("/", 303);
  });

  pages.post("/confirm-email", async (c) => {
    const email = c.var.user?.email ?? "";
    const problem = await ask(c, "/send-verification-email", { email });
    const notice = problem ? (
      <Notice kind="error">{problem}</Notice>
    ) : (
      <Notice kind="note">We sent a link to {email}.</Notice>
    );
    return page(c, "Confirm your e-mail address", notice, problem ? 422 : 200);
  });

  return pages;
}
