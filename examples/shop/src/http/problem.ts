// Errors as application/problem+json (RFC 9457), with the SQLSTATE of those that the database raised.
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { DatabaseError } from "pg";
import { ZodError } from "zod";

export interface ProblemDetails {
  type: string;
  title: string;
  status: ContentfulStatusCode;
  detail?: string;
  hint?: string;
  sqlstate?: string;
  errors?: { path: string; message: string }[];
}

/** What the shop itself has to refuse. */
export class Refusal extends Error {
  constructor(
    readonly status: ContentfulStatusCode,
    message: string,
  ) {
    super(message);
  }
}

// Anything else that the database raises is a fault of ours, and no business of the client's.
const statusOfSqlState: ReadonlyMap<string, ContentfulStatusCode> = new Map([
  ["CI001", 422], // the phone cannot be read
  ["CI002", 403], // cash on delivery needs a verified phone
  ["CI004", 409], // somebody else has edited the customer
  ["CI006", 409], // the change conflicts with another record
  ["P0002", 404], // there is no such customer
  ["22023", 400], // a cursor, sort or filter that does not exist
  ["40001", 503], // serialization failure: try again
  ["40P01", 503], // deadlock: try again
]);

/** Drizzle wraps what the driver throws. */
function databaseError(error: unknown): DatabaseError | undefined {
  if (error instanceof DatabaseError) return error;
  return error instanceof Error ? databaseError(error.cause) : undefined;
}

export const sqlState = (error: unknown) => databaseError(error)?.code;

export function problemOf(error: unknown): ProblemDetails {
  const type = "about:blank";
  if (error instanceof Refusal) return { type, title: error.message, status: error.status };
  if (error instanceof ZodError) {
    const errors = error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
    return { type, title: "the request is not valid", status: 400, errors };
  }
  if (error instanceof HTTPException) {
    return {
      type,
      title: error.message || "the request was refused",
      status: error.status as ContentfulStatusCode,
    };
  }
  const raised = databaseError(error);
  const status = statusOfSqlState.get(raised?.code ?? "");
  if (!raised || !status) {
    console.error(error);
    return { type, title: "something went wrong", status: 500 };
  }
  return {
    type,
    title: raised.message,
    status,
    ...(raised.detail && { detail: raised.detail }),
    ...(raised.hint && { hint: raised.hint }),
    sqlstate: raised.code!,
  };
}

export function problem(c: Context, error: unknown): Response {
  const details = problemOf(error);
  return c.json(details, details.status, { "content-type": "application/problem+json" });
}
