// The description of both APIs, OpenAPI 3.1. What requests contain comes from the schemas that check them.
import { z } from "zod";
import { actions, phoneRule } from "./actions.js";
import {
  answer,
  customerChanges,
  customerQuery,
  newOrder,
  newVerification,
  page,
} from "./requests.js";

type Json = Record<string, unknown>;

const schemaOf = (schema: z.ZodType): Json => {
  // A format says what is meant; the pattern beside it fills half a page.
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    override: ({ jsonSchema }) => void (jsonSchema.format && delete jsonSchema.pattern),
  });
  return rest;
};

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

const nullable = (type: string, format?: string): Json => ({
  type: [type, "null"],
  ...(format && { format }),
});
const text: Json = { type: "string" };
const count: Json = { type: "integer" };
const flag: Json = { type: "boolean" };
const uuid: Json = { type: "string", format: "uuid" };
const time: Json = { type: "string", format: "date-time" };

const object = (properties: Json, required = Object.keys(properties)): Json => ({
  type: "object",
  properties,
  required,
});
const list = (items: Json): Json => ({ type: "array", items });
const pageOf = (items: Json): Json => object({ items: list(items), next: nullable("string") });

const customer = {
  id: uuid,
  phone: nullable("string"),
  preferred_name: nullable("string"),
  is_phone_verified: flag,
  total_orders: count,
  total_spent: { type: "number" },
  loyalty_points: count,
  notes: nullable("string"),
  created_at: time,
  updated_at: time,
};

const schemas: Json = {
  NewOrder: schemaOf(newOrder),
  NewVerification: schemaOf(newVerification),
  Answer: schemaOf(answer),
  CustomerChanges: schemaOf(customerChanges),
  ListedCustomer: object({ ...customer, users: count }),
  CustomerDetails: object({
    ...customer,
    users: count,
    open_claims: count,
    first_order_at: nullable("string", "date-time"),
    last_order_at: nullable("string", "date-time"),
  }),
  CustomerUser: object({
    id: text,
    name: nullable("string"),
    email: nullable("string"),
    phones: list(text),
    proved: flag,
    created_at: nullable("string", "date-time"),
  }),
  Duplicate: object({ a: uuid, b: uuid, score: { type: "number" }, reasons: list({}) }),
  PhoneSuspect: object({
    phone: text,
    customer_id: uuid,
    users: count,
    guest_orders: count,
    names: count,
    why: text,
  }),
  NewPhoneRule: schemaOf(phoneRule),
  MergePreview: object({
    tables: list(
      object({
        table: text,
        column: text,
        rows: count,
        conflicts: list(
          object({ key: text, columns: text, rows: {}, values: { type: ["array", "null"], items: text }, more: count }),
        ),
      }),
    ),
    fields: list(object({ column: text, winner: {}, loser: {}, result: {} })),
    phones: list(text),
    points: count,
    refused: nullable("string"),
  }),
  ErasePreview: object(
    {
      tables: list(
        object({ table: text, rows: count, what: text, columns: list(text) }, [
          "table",
          "rows",
          "what",
        ]),
      ),
      refused: nullable("string"),
    },
    ["tables"],
  ),
  Order: object({
    id: count,
    user_id: nullable("string"),
    items: list(object({ sku: text, quantity: count })),
    total: { type: "number" },
    status: text,
    payment: { enum: ["card", "cash"] },
    created_at: time,
  }),
  StartedVerification: object(
    {
      verification_id: uuid,
      status: { enum: ["sent", "throttled"] },
      phone: text,
      retry_after: count,
    },
    ["status", "phone", "retry_after"],
  ),
  CheckedVerification: object({
    status: { enum: ["approved", "incorrect", "expired", "exhausted", "unknown"] },
    attempts_left: count,
  }),
  Problem: object(
    {
      type: text,
      title: text,
      status: count,
      detail: text,
      hint: text,
      sqlstate: {
        ...text,
        description: "The SQLSTATE of an error that the database raised, CI002 for instance",
      },
      errors: list(object({ path: text, message: text })),
    },
    ["type", "title", "status"],
  ),
};

const json = (description: string, schema: Json): Json => ({
  description,
  content: { "application/json": { schema } },
});

const refusals: Record<number, string> = {
  400: "The request is not valid",
  401: "Nobody is signed in",
  403: "Not allowed; CI002: cash on delivery needs a verified phone",
  404: "There is no such customer",
  409: "CI004: somebody else has edited the customer; CI006: it conflicts with another record, which the detail names",
  422: "CI001: the phone cannot be read, or no code can be sent to it",
  429: "Too many codes",
};

const problems = (...statuses: number[]): Json =>
  Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: refusals[status],
        content: { "application/problem+json": { schema: ref("Problem") } },
      },
    ]),
  );

const queryOf = (schema: z.ZodType): Json[] =>
  Object.entries(schemaOf(schema).properties as Json).map(([name, property]) => ({
    name,
    in: "query",
    schema: property,
  }));

const inPath: Json = { name: "id", in: "path", required: true, schema: uuid };
const body = (name: string): Json => ({
  required: true,
  content: { "application/json": { schema: ref(name) } },
});
const signedIn = [{ session: [] }];

/** A read of one customer. */
const view = (operationId: string, summary: string, schema: Json, parameters: Json[] = []) => ({
  parameters: [inPath, ...parameters],
  get: {
    operationId,
    summary,
    security: signedIn,
    responses: { 200: json("What it is now", schema), ...problems(400, 401, 403, 404) },
  },
});

const actionPaths = Object.fromEntries(
  Object.entries(actions).map(([name, { operationId, summary, schema }]) => [
    `/admin/customers/{id}/${name}`,
    {
      parameters: [inPath],
      post: {
        operationId,
        summary,
        security: signedIn,
        requestBody: {
          required: true,
          content: { "application/json": { schema: schemaOf(schema) } },
        },
        responses: {
          200: json("It is done", object({ result: {} })),
          ...problems(400, 401, 403, 404, 409, 422, ...(name === "send-code" ? [429] : [])),
        },
      },
    },
  ]),
);

export const openApi = {
  openapi: "3.1.0",
  info: {
    title: "Tea shop",
    version: "0.1.0",
    description: "Orders and phone verification for shoppers, customers for administrators.",
    license: { name: "PostgreSQL", identifier: "PostgreSQL" },
  },
  servers: [{ url: "/" }],
  paths: {
    "/api/orders": {
      post: {
        operationId: "placeOrder",
        summary: "Place an order, as a guest or signed in",
        parameters: [
          {
            name: "Idempotency-Key",
            in: "header",
            schema: text,
            description:
              "The same order with the same key is placed once, however often it is sent",
          },
        ],
        requestBody: body("NewOrder"),
        responses: {
          200: json("The number of the order, which had been placed before", object({ id: count })),
          201: json("The order's number", object({ id: count })),
          ...problems(400, 403, 422),
        },
      },
      get: {
        operationId: "listOwnOrders",
        summary: "The orders that the login may see, newest first",
        security: signedIn,
        parameters: queryOf(page),
        responses: { 200: json("A page", pageOf(ref("Order"))), ...problems(400, 401) },
      },
    },
    "/api/verifications": {
      post: {
        operationId: "startVerification",
        summary: "Send a code to a phone",
        requestBody: body("NewVerification"),
        responses: {
          202: json("The code is on its way", ref("StartedVerification")),
          429: json("Too many codes", ref("StartedVerification")),
          ...problems(400, 422),
        },
      },
    },
    "/api/verifications/{id}": {
      post: {
        operationId: "checkVerification",
        summary: "Answer a code",
        parameters: [inPath],
        requestBody: body("Answer"),
        responses: {
          200: json("The phone is verified", ref("CheckedVerification")),
          422: json("It is not the code, or no longer", ref("CheckedVerification")),
          ...problems(400),
        },
      },
    },
    "/admin/customers": {
      get: {
        operationId: "listCustomers",
        summary: "Customers, searched, filtered and sorted",
        security: signedIn,
        parameters: queryOf(customerQuery),
        responses: {
          200: json("A page", pageOf(ref("ListedCustomer"))),
          ...problems(400, 401, 403),
        },
      },
    },
    "/admin/customers/{id}": {
      parameters: [inPath],
      get: {
        operationId: "getCustomer",
        summary: "A customer with counts of logins and open claims",
        security: signedIn,
        responses: {
          200: json("The customer", ref("CustomerDetails")),
          ...problems(400, 401, 403, 404),
        },
      },
      put: {
        operationId: "updateCustomer",
        summary: "Edit the notes or the preferred name",
        security: signedIn,
        requestBody: body("CustomerChanges"),
        responses: {
          200: json("The customer", ref("CustomerDetails")),
          ...problems(400, 401, 403, 404, 409),
        },
      },
    },
    "/admin/customers/{id}/users": {
      parameters: [inPath],
      get: {
        operationId: "listUsers",
        summary: "All logins of a customer",
        security: signedIn,
        responses: {
          200: json("The logins", list(ref("CustomerUser"))),
          ...problems(400, 401, 403, 404),
        },
      },
    },
    ...actionPaths,
    "/admin/customers/{id}/merge-preview": view(
      "previewMerge",
      "What a merge would do, side by side",
      ref("MergePreview"),
      [{ name: "loser", in: "query", required: true, schema: uuid }],
    ),
    "/admin/customers/{id}/export": view(
      "exportCustomer",
      "All that is stored on the person",
      { type: "object" },
    ),
    "/admin/customers/{id}/erase-preview": view(
      "previewErasure",
      "What an erasure would do",
      ref("ErasePreview"),
    ),
    "/admin/duplicates": {
      get: {
        operationId: "listDuplicates",
        summary: "Customers who may be one person, the likeliest first",
        security: signedIn,
        parameters: queryOf(page),
        responses: { 200: json("A page", pageOf(ref("Duplicate"))), ...problems(400, 401, 403) },
      },
    },
    "/admin/phone-suspects": {
      get: {
        operationId: "listPhoneSuspects",
        summary: "Numbers that look like placeholders, the worst first",
        security: signedIn,
        responses: { 200: json("The numbers", list(ref("PhoneSuspect"))), ...problems(401, 403) },
      },
    },
    "/admin/phone-rules": {
      post: {
        operationId: "setPhoneRule",
        summary: "Say that a number names nobody, or a household; null takes the rule away",
        security: signedIn,
        requestBody: body("NewPhoneRule"),
        responses: { 204: { description: "It is done" }, ...problems(400, 401, 403, 409, 422) },
      },
    },
  },
  components: {
    schemas,
    securitySchemes: {
      session: {
        type: "apiKey",
        in: "cookie",
        name: "better-auth.session_token",
        description: "Better Auth's session",
      },
    },
  },
} as const;
