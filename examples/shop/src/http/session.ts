// Who is asking: Better Auth's session, read anew for each request, so that a role taken away is gone.
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { Auth, User } from "../infrastructure/auth.js";
import { Refusal } from "./problem.js";

export interface Env {
  Variables: { user: User | null };
}

export const readSession = (auth: Auth) =>
  createMiddleware<Env>(async (c, next) => {
    const session = await auth.api.getSession({ headers: c.req.raw.headers });
    c.set("user", session?.user ?? null);
    if (session) c.header("cache-control", "no-store");
    await next();
  });

export const requireUser = createMiddleware<Env>(async (c, next) => {
  if (!c.var.user) throw new Refusal(401, "sign in first");
  await next();
});

export const requireAdmin = createMiddleware<Env>(async (c, next) => {
  if (!c.var.user) throw new Refusal(401, "sign in first");
  if (c.var.user.role !== "admin") throw new Refusal(403, "this is for administrators");
  await next();
});

/** The peer's address. Behind a proxy it is the proxy's: then read the header that the proxy sets. */
export const clientAddress = (c: Context) => getConnInfo(c).remote.address ?? null;

/** A request for Better Auth, with the client's address where it looks for it, whatever the client sent. */
export function forAuth(c: Context, request: Request): Request {
  const headers = new Headers(request.headers);
  headers.set("x-client-address", clientAddress(c) ?? "");
  return new Request(request, { headers });
}

/** A code has to go to the phone of the customer that the order will be of: the login's, if it has one. */
export function phoneToVerify(user: User | null, typed: string): string {
  return (user?.customerId && (user.phoneNumber ?? user.phone)) || typed;
}
