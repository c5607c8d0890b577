// What an administrator can do to a customer. The API, its description and the forms of the back office are
// made from this one list.
import { z } from "zod";
import type { Change, Lifecycle } from "../domain/lifecycle.js";
import { Refusal } from "./problem.js";

const text = (maximum: number) => z.string().trim().min(1).max(maximum);
const reason = text(500);
const phone = text(40);
const login = text(320);
const choice = z.boolean().default(false);

interface Action<Shape extends z.ZodRawShape = z.ZodRawShape> {
  operationId: string;
  summary: string;
  schema: z.ZodObject<Shape>;
  run(lifecycle: Lifecycle, id: string, input: never, actor: string): Promise<unknown>;
}

/** An action that asks for a reason. */
const action = <Shape extends z.ZodRawShape>(
  operationId: string,
  summary: string,
  shape: Shape,
  run: (
    lifecycle: Lifecycle,
    id: string,
    input: z.output<z.ZodObject<Shape>>,
    by: Change,
  ) => Promise<unknown>,
): Action => {
  const schema = z.strictObject({ ...shape, reason });
  return {
    operationId,
    summary,
    schema,
    run: (lifecycle, id, input: z.output<z.ZodObject<Shape>> & { reason: string }, actor) =>
      run(lifecycle, id, input, { actor, reason: input.reason }),
  };
};

export const actions: Record<string, Action> = {
  "add-phone": action("addPhone", "Add a further number", { phone }, (life, id, input, by) =>
    life.addPhone(id, input.phone, by),
  ),
  "change-phone": action(
    "changePhone",
    "Give the customer a new number, and keep the old one as a further one or free it",
    { phone, keep_old: choice },
    (life, id, input, by) => life.changePhone(id, input.phone, input.keep_old, by),
  ),
  "release-phone": action(
    "releasePhone",
    "Free a number that has a new holder; what came by it since then goes to a new customer, whose id is returned",
    {
      phone: phone.optional(),
      since: z.union([z.iso.date(), z.iso.datetime({ offset: true })]).optional(),
    },
    (life, id, input, by) =>
      life.releasePhone(id, input.phone ?? null, input.since ?? null, by),
  ),
  "link-login": action("linkLogin", "Link a login, by id or e-mail", { login }, (life, id, input, by) =>
    life.linkLogin(id, input.login, true, by),
  ),
  "unlink-login": action("unlinkLogin", "Unlink a login", { login }, (life, id, input, by) =>
    life.linkLogin(id, input.login, false, by),
  ),
  merge: action(
    "mergeCustomers",
    "Merge another customer into this one; the merge's number is returned",
    { loser: z.uuid() },
    (life, id, input, by) => life.merge(id, input.loser, by),
  ),
  unmerge: action(
    "unmergeCustomers",
    "Undo a merge; the id of the customer that is back is returned",
    { merge_id: z.int().positive() },
    (life, _, input, by) => life.unmerge(input.merge_id, by),
  ),
  split: action(
    "splitCustomer",
    "Move logins and orders to a new customer, whose id is returned",
    {
      user_ids: z.array(text(255)).max(1000).default([]),
      orders: z.array(text(20)).max(1000).default([]),
      phone: phone.optional(),
    },
    (life, id, { user_ids: userIds, orders, phone = null }, by) =>
      life.split(id, { userIds, orders, phone }, by),
  ),
  "dismiss-duplicate": action(
    "dismissDuplicate",
    "Say that another customer is another person",
    { other: z.uuid() },
    (life, id, input, by) => life.dismissDuplicate(id, input.other, by),
  ),
  "adjust-points": action(
    "adjustPoints",
    "Add points, or subtract them; the balance is returned",
    { points: z.int().min(-1e9).max(1e9), idempotency_key: text(255).optional() },
    (life, id, input, by) => life.adjustPoints(id, input.points, input.idempotency_key ?? null, by),
  ),
  "record-proof": action(
    "recordProof",
    "Record that a login, or a guest, holds a number of the customer",
    { phone, user_id: login.optional() },
    (life, id, input, by) => life.setProof(id, input.phone, input.user_id ?? null, true, by),
  ),
  "revoke-proof": action(
    "revokeProof",
    "End the proofs of a number, of a login or all",
    { phone, user_id: login.optional() },
    (life, id, input, by) => life.setProof(id, input.phone, input.user_id ?? null, false, by),
  ),
  "confirm-holder": action(
    "confirmHolder",
    "Say that a login that proved the number is the same person",
    { user_id: login },
    (life, id, input, by) => life.confirmHolder(id, input.user_id, by),
  ),
  erase: action(
    "eraseCustomer",
    "Erase the person; orders stay without what says whose they were",
    { delete_users: choice },
    (life, id, input, by) => life.erase(id, input.delete_users, by),
  ),
  // A code changes nothing before it comes back.
  "send-code": {
    operationId: "sendCode",
    summary: "Send a code to a number",
    schema: z.strictObject({ phone, user_id: login.optional() }),
    run: async (life, _, input: { phone: string; user_id?: string }) => {
      const sent = await life.sendCode(input.phone, input.user_id ?? null);
      if (sent.status === "sent") return sent;
      if (sent.status === "unsupported")
        throw new Refusal(422, "no code can be sent to this phone");
      throw new Refusal(429, `another code can be sent in ${sent.retry_after} seconds`);
    },
  } as Action,
  "check-code": {
    operationId: "checkCode",
    summary: "Answer a code that the customer has read out",
    schema: z.strictObject({ verification_id: z.uuid(), code: text(20) }),
    run: async (life, _, input: { verification_id: string; code: string }) => {
      const checked = await life.checkCode(input.verification_id, input.code);
      if (checked.status === "approved") return checked;
      throw new Refusal(422, `the code is ${checked.status}`);
    },
  } as Action,
};

export const phoneRule = z.strictObject({
  phone,
  rule: z.enum(["nobody", "shared"]).nullable(),
  reason,
});

/** Checks what was sent, and does it. */
export const perform = async (
  lifecycle: Lifecycle,
  { schema, run }: Action,
  id: string,
  input: unknown,
  actor: string,
) => (await run(lifecycle, id, schema.parse(input) as never, actor)) ?? null;
