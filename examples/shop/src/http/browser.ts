// Which browser an order comes from: a secret in a cookie keeps a guest's order to its guest, and makes the
// same checkout, sent again from another tab or after the back button, the same order.
import { createHash, randomUUID } from "node:crypto";
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";

interface Browser {
  secret: string;
  /** How many orders it has placed. */
  orders: number;
}

/** Cookies that no script reads; like Better Auth's, they ask for TLS where the shop's address has it. */
export const cookies = (url: string | undefined) => ({
  read: (c: Context, name: string) => getCookie(c, name),
  write: (c: Context, name: string, value: string, path = "/", maxAge?: number) =>
    setCookie(c, name, value, {
      httpOnly: true,
      sameSite: "Lax",
      secure: url?.startsWith("https:") ?? false,
      path,
      maxAge,
    }),
});

export function browserOf(cookie: string | undefined): Browser {
  const [secret, orders] = (cookie ?? "").split(".");
  return secret ? { secret, orders: Number(orders) || 0 } : { secret: randomUUID(), orders: 0 };
}

/** A key that only those who know all of the parts can make. */
export const keyOf = (...parts: unknown[]) =>
  createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
