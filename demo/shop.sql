-- The shop's own tables, as its migrations would make them: Better Auth's "user" and an orders table.
-- (session, account and verification, which Better Auth writes too, play no part here.)
CREATE TABLE "user" (
  id                    text PRIMARY KEY,
  name                  text NOT NULL,
  email                 text NOT NULL UNIQUE,
  "emailVerified"       boolean NOT NULL DEFAULT false,
  image                 text,
  "createdAt"           timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt"           timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "phoneNumber"         text UNIQUE,      -- the phone number plugin: unique by spelling only
  "phoneNumberVerified" boolean,
  phone                 text,             -- a profile field of the shop, typed freely
  country               text              -- ISO 3166, chosen at sign-up
);

CREATE TABLE orders (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id    text REFERENCES "user" ON DELETE SET NULL,   -- NULL: a guest
  phone      text,
  country    text,
  address    text,
  total      numeric(10, 2) NOT NULL,
  status     text NOT NULL,
  payment    text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
