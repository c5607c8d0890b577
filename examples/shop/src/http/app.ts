// All routes: the APIs, Better Auth's own, the pages and the files they load.
import { fileURLToPath } from "node:url";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { csrf } from "hono/csrf";
import { secureHeaders } from "hono/secure-headers";
import { accountPages } from "../pages/account.js";
import { adminPages } from "../pages/admin.js";
import { errorPage } from "../pages/layout.js";
import { shopPages } from "../pages/shop.js";
import { adminApi } from "./admin-api.js";
import { openApi } from "./openapi.js";
import { problem, Refusal } from "./problem.js";
import type { AdminServices, ShopServices } from "./services.js";
import { type Env, forAuth, readSession } from "./session.js";
import { shopApi } from "./shop-api.js";

const files = fileURLToPath(new URL("../../public", import.meta.url));
const isApi = (path: string) => /^\/(api|admin)\//.test(path);

export function createApp(shop: ShopServices, admin: AdminServices) {
  const app = new Hono<Env>();
  const own = ["'self'"];
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: own,
        baseUri: own,
        formAction: own,
        frameAncestors: own,
      },
    }),
  );
  app.use(csrf());
  app.use(bodyLimit({ maxSize: 64 * 1024 }));
  app.get(
    "/files/*",
    serveStatic({ root: files, rewriteRequestPath: (path) => path.replace("/files", "") }),
  );
  app.on(["GET", "POST"], "/api/auth/*", (c) => shop.auth.handler(forAuth(c, c.req.raw)));
  app.get("/openapi.json", (c) => c.json(openApi));

  app.use(readSession(shop.auth));
  app.route("/api", shopApi(shop));
  app.route("/admin", adminApi(admin));
  app.route("/", shopPages(shop));
  app.route("/", accountPages(shop));
  app.route("/back-office", adminPages(admin));

  app.notFound((c) => {
    const missing = new Refusal(404, "there is nothing here");
    return isApi(c.req.path) ? problem(c, missing) : errorPage(c, missing);
  });
  app.onError((error, c) => (isApi(c.req.path) ? problem(c, error) : errorPage(c, error)));
  return app;
}
