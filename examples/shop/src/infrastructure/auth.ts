// Better Auth: logins by e-mail and password, or by a code to a phone. It writes "user"; the triggers on
// that table find each login's customer.
import { betterAuth } from "better-auth";
import { drizzleAdapter } from "better-auth/adapters/drizzle";
import { APIError, createAuthMiddleware } from "better-auth/api";
import { phoneNumber } from "better-auth/plugins";
import { sql } from "drizzle-orm";
import type { PhoneVerification } from "../domain/phone-verification.js";
import { type Database, value } from "./db.js";
import * as schema from "./schema.js";

export interface Email {
  to: string;
  subject: string;
  text: string;
}

interface AuthSettings {
  db: Database;
  verification: PhoneVerification;
  baseURL: string;
  secret: string;
  sendEmail: (email: Email) => void;
}

export type Auth = ReturnType<typeof createAuth>;
export type User = Auth["$Infer"]["Session"]["user"];

/** Logins by phone have no address of their own; Better Auth wants one. */
export const hasEmail = (user: User) => !user.email.endsWith("@phone.invalid");

const startedFor = (phone: string) => `started-verification:${phone}`;

export function createAuth({ db, verification, baseURL, secret, sendEmail }: AuthSettings) {
  return betterAuth({
    baseURL,
    secret,
    telemetry: { enabled: false },
    advanced: { ipAddress: { ipAddressHeaders: ["x-client-address"] } },
    database: drizzleAdapter(db, { provider: "pg", schema }),
    emailAndPassword: { enabled: true },
    // A reminder and no more: nothing in the shop asks for a confirmed address.
    emailVerification: {
      sendOnSignUp: true,
      autoSignInAfterVerification: false,
      sendVerificationEmail: async ({ user, url }) => {
        const link = new URL(url);
        link.searchParams.set("callbackURL", "/confirm-email");
        sendEmail({ to: user.email, subject: "Confirm your e-mail address", text: link.href });
      },
    },
    user: {
      additionalFields: {
        phone: { type: "string", required: false },
        // input: false keeps a sign-up from making itself an admin, or somebody else's login.
        role: { type: "string", required: false, input: false, defaultValue: "customer" },
        customerId: { type: "string", required: false, input: false },
      },
    },
    // A phone login has no password: the plugin's endpoints around one are closed.
    disabledPaths: [
      "/sign-in/phone-number",
      "/phone-number/request-password-reset",
      "/phone-number/reset-password",
    ],
    hooks: {
      // Better Auth knows a phone by its spelling. In E.164, all spellings sign in as one login.
      before: createAuthMiddleware(async (ctx) => {
        if (!ctx.path.startsWith("/phone-number/")) return;
        const typed = String(ctx.body?.phoneNumber ?? "");
        const phone = await value<string | null>(
          db,
          sql`SELECT customer_identity.normalize_phone(${typed}) AS value`,
        );
        if (!phone)
          throw new APIError("UNPROCESSABLE_ENTITY", {
            code: "CI001",
            message: "This is no phone number.",
          });
        return { context: { ...ctx, body: { ...ctx.body, phoneNumber: phone } } };
      }),
    },
    databaseHooks: {
      user: {
        create: {
          // The plugin takes a name from the phone alone; the one typed beside the code is better.
          before: async (user, ctx) => ({
            data: { ...user, name: user.name || String(ctx?.body?.name ?? "") },
          }),
        },
      },
    },
    plugins: [
      phoneNumber({
        // The database's codes instead of the plugin's: one set of limits for sign-in and checkout.
        sendOTP: async ({ phoneNumber: phone }, ctx) => {
          const clientAddress = ctx?.request?.headers.get("x-client-address") || null;
          const started = await verification.start({
            phone,
            purpose: "sign-in",
            userId: null,
            clientAddress,
          });
          if (started.status === "throttled") {
            throw new APIError("TOO_MANY_REQUESTS", {
              message: `Another code can be sent in ${started.retry_after} seconds.`,
            });
          }
          if (started.status === "unsupported") {
            throw new APIError("UNPROCESSABLE_ENTITY", {
              message: "No code can be sent to this phone.",
            });
          }
          await ctx?.context.internalAdapter.createVerificationValue({
            identifier: startedFor(phone),
            value: started.verification_id,
            expiresAt: new Date(Date.now() + 10 * 60_000),
          });
        },
        // Kept by phone on purpose: a code that came to another phone must not do for this one.
        verifyOTP: async ({ phoneNumber: phone, code }, ctx) => {
          const started = await ctx?.context.internalAdapter.findVerificationValue(
            startedFor(phone),
          );
          return started
            ? (await verification.check(started.value, code)).status === "approved"
            : false;
        },
        signUpOnVerification: {
          getTempEmail: (phone) => `${phone.slice(1)}@phone.invalid`,
          getTempName: () => "",
        },
      }),
    ],
  });
}
