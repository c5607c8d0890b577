// What requests may contain. The same schemas check the requests and describe them in /openapi.json.
import type { Context } from "hono";
import { z } from "zod";
import { type CustomerSort, customerSorts } from "../domain/customer-repository.js";
import { goods } from "../domain/order.js";
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

const text = (longest: number) => z.string().trim().min(1).max(longest);

export const newOrder = z.strictObject({
  name: text(100),
  phone: text(40),
  address: text(300),
  items: z
    .array(z.strictObject({ sku: z.enum([...goods.keys()]), quantity: z.int().min(1).max(20) }))
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
