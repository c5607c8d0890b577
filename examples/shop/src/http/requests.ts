// What requests may contain. The same schemas check the requests and describe them in /openapi.json.
import type { Context } from "hono";
import { z } from "zod";
import { type CustomerSort, customerSorts } from "../domain/customer-repository.js";
import { goods, maximumQuantity } from "../domain/order.js";
import { Refusal } from "./problem.js";

/** The body of a request, as its schema wants it. */
export async function bodyOf<Schema extends z.ZodType>(
  c: Context,
  schema: Schema,
): Promise<z.output<Schema>> {
  const body: unknown = await c.req.json().catch(() => {
    throw new Refusal(400, "the request is not JSON");
  });
  return schema.parse(body);
}

/** What a visitor is told about a field of a form that is not as it should be. */
export const advice: Record<string, string> = {
  name: "Please enter your name, in up to 100 characters.",
  phone: "Please enter a phone number, in up to 40 characters.",
  address: "Please enter the address, in up to 300 characters.",
  items: `Please choose something, and up to ${maximumQuantity} of each.`,
  payment: "Please choose how to pay.",
  search: "Please search for up to 200 characters.",
  min_orders: "Please enter a whole number, from 0 to 1,000,000.",
  min_spent: "Please enter an amount, from 0 up.",
  created_from: "Please enter a date.",
  created_to: "Please enter a date.",
  verified: "Please choose one of these.",
  has_users: "Please choose one of these.",
  shared: "Please choose one of these.",
  preferred_name: "Please enter up to 100 characters.",
  notes: "Please enter up to 10,000 characters.",
  reason: "Please say why, in up to 500 characters.",
  since: "Please enter a date.",
  points: "Please enter a whole number.",
  login: "Please enter an e-mail address, or choose a login.",
  code: "Please enter the code.",
};

/** Advice by the name of the field. */
export const adviceOn = (error: z.ZodError | undefined): Record<string, string> =>
  Object.fromEntries(
    (error?.issues ?? []).map(({ path: [name] }) => [
      name,
      advice[String(name)] ?? "Please check this.",
    ]),
  );

export const quantity = z.coerce.number().int().min(0).max(maximumQuantity);

const text = (longest: number) => z.string().trim().min(1).max(longest);

export const newOrder = z.strictObject({
  name: text(100),
  phone: text(40),
  address: text(300),
  items: z
    .array(
      z.strictObject({
        sku: z.enum([...goods.keys()]),
        quantity: z.int().min(1).max(maximumQuantity),
      }),
    )
    .min(1)
    .max(goods.size),
  payment: z.enum(["card", "cash"]),
});

export const newVerification = z.strictObject({ phone: text(40) });

export const answer = z.strictObject({ code: text(20) });

export const page = z.object({ after: z.string().max(2000).optional() });

const sorts = customerSorts.flatMap((key): CustomerSort[] => [key, `-${key}`]);

const flag = z.enum(["true", "false"]).transform((value) => value === "true");

export const customerQuery = z.strictObject({
  search: z.string().trim().max(200).optional(),
  verified: flag.optional(),
  has_users: flag.optional(),
  shared: flag.optional(),
  min_orders: z.coerce.number().int().min(0).max(1_000_000).optional(),
  min_spent: z.coerce.number().min(0).max(1e12).optional(),
  created_from: z.iso.date().optional(),
  created_to: z.iso.date().optional(),
  sort: z.enum(sorts).default("-created_at"),
  page_size: z.coerce.number().int().min(1).max(200).default(50),
  after: page.shape.after,
});

/** What the list of customers can be asked for: the mistakes in it are left out, and named. */
export function readableQuery(query: Record<string, string>) {
  const { error } = customerQuery.safeParse(query);
  const known = Object.entries(query).filter(
    ([name]) => name in customerQuery.shape && !error?.issues.some(({ path }) => path[0] === name),
  );
  const { sort: _, page_size: __, after: ___, undefined: ____, ...mistakes } = adviceOn(error);
  return { query: Object.fromEntries(known), mistakes };
}

export const customerChanges = z.strictObject({
  preferred_name: z.string().trim().max(100).nullable().optional(),
  // Forms send other line ends than were stored; that alone is no edit.
  notes: z
    .string()
    .max(10_000)
    .overwrite((notes) => notes.replaceAll("\r\n", "\n"))
    .nullable()
    .optional(),
  expected_updated_at: z.iso.datetime({ offset: true }),
});

export const uuid = z.uuid();
