// A certified OpenID provider (npm `oidc-provider`) on loopback, for the end-to-end tests.
//   provider.mjs PACKAGE SETTINGS
// PACKAGE is the package.json of the folder that `oidc-provider` is installed in. SETTINGS is JSON:
//   port           0 or left out: a free one
//   issuer         left out: http://127.0.0.1:PORT
//   algorithm      of ID tokens, RS256 or ES256 (default RS256); logout and access tokens are signed with it too
//   client         { id, secret, redirect_uris, post_logout_redirect_uris, backchannel_logout_uri? }
//   accounts       [{ login, password, sub, name, groups }]
//   audience       left out: no access tokens for services; else their `aud`, for the grant `client_credentials`
//   service        { id, secret, groups }: the client that gets such tokens, as `sub` its id
// Prints one line of JSON, { issuer, port }, when it answers, and ends when standard input ends.
// A person signs in with a form (`login`, `password`, a submit button) and is asked for no consent; ending the session
// (`end_session_endpoint`) needs no click. GET /people/SUB/sign-out (for tests only) ends all sessions of a subject here,
// and tells the client so over the back channel.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Standard output is for the one line; whoever reads that need not read on.
console.info = console.log = console.error;

const [manifest, text] = process.argv.slice(2);
const settings = JSON.parse(text);
const { Provider } = await import(pathToFileURL(createRequire(manifest).resolve("oidc-provider")).href);

const listener = createServer();
await new Promise((resolve) => listener.listen(settings.port ?? 0, "127.0.0.1", resolve));
const { port } = listener.address();
const issuer = settings.issuer ?? `http://127.0.0.1:${port}`;
const algorithm = settings.algorithm ?? "RS256";

const account = (sub) => settings.accounts.find((one) => one.sub === sub);
const escape = (value) => String(value).replace(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);
const page = (title, body) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title><h1>${escape(title)}</h1>${body}`;

function key(kid, alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
}

const client = {
  client_id: settings.client.id,
  client_secret: settings.client.secret,
  redirect_uris: settings.client.redirect_uris,
  post_logout_redirect_uris: settings.client.post_logout_redirect_uris ?? [],
  id_token_signed_response_alg: algorithm,
  grant_types: ["authorization_code"],
  response_types: ["code"],
};
if (settings.client.backchannel_logout_uri) {
  client.backchannel_logout_uri = settings.client.backchannel_logout_uri;
  client.backchannel_logout_session_required = true;
}
const clients = [client];
if (settings.service) {
  clients.push({
    client_id: settings.service.id,
    client_secret: settings.service.secret,
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
  });
}

const provider = new Provider(issuer, {
  clients,
  jwks: {
    keys: [
      key("rsa", "RS256", "rsa", { modulusLength: 2048 }),
      key("ec", "ES256", "ec", { namedCurve: "P-256" }),
    ],
  },
  // Cookies are bound to a host and not to a port, so two providers on one machine need names of their own.
  cookies: {
    keys: [randomBytes(32).toString("hex")],
    names: { session: `_session_${port}`, interaction: `_interaction_${port}`, resume: `_resume_${port}` },
  },
  scopes: ["openid", "profile", "groups"],
  claims: { openid: ["sub"], profile: ["name"], groups: ["groups"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  findAccount: (_ctx, sub) => {
    const found = account(sub);
    return found && { accountId: sub, claims: () => ({ sub, name: found.name, groups: found.groups }) };
  },
  // Consent is given by whoever signs in.
  loadExistingGrant: async (ctx) => {
    const { client: asking, session, params } = ctx.oidc;
    const grant = new ctx.oidc.provider.Grant({ clientId: asking.clientId, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    await grant.save();
    return grant;
  },
  // Without the provider's own dispatcher, which asks nobody on loopback; here everything is.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  extraTokenClaims: (_ctx, token) =>
    token.clientId === settings.service?.id ? { groups: settings.service.groups } : undefined,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: Boolean(settings.service) },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => {
        const button = `<button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>`;
        ctx.body = page("Sign out", `${form}${button}<script>document.querySelector("button").click()</script>`);
      },
      postLogoutSuccessSource: (ctx) => {
        ctx.body = page("Signed out", "");
      },
    },
    resourceIndicators: {
      enabled: Boolean(settings.audience),
      defaultResource: (ctx) => (ctx.oidc.client.clientId === settings.service?.id ? settings.audience : undefined),
      getResourceServerInfo: (_ctx, resource) => ({
        scope: "use",
        audience: resource,
        accessTokenFormat: "jwt",
        accessTokenTTL: 600,
        jwt: { sign: { alg: algorithm } },
      }),
    },
  },
  renderError: (ctx, out) => {
    ctx.body = page(out.error, `<p>${escape(out.error_description ?? "")}</p>`);
  },
});
// Why something went wrong, for whoever reads a failed test.
for (const event of ["server_error", "backchannel.error", "authorization.error", "grant.error"]) {
  provider.on(event, (...all) => {
    const error = all.find((one) => one instanceof Error);
    process.stderr.write(`${event}: ${error?.message} ${error?.error_description ?? ""} ${error?.error_detail ?? ""}\n`);
  });
}

const form = (uid, note) =>
  page(
    "Sign in",
    `<form method="post" action="/interaction/${escape(uid)}"><p role="alert">${escape(note)}</p>
     <label>Name <input name="login" autocomplete="username" autofocus></label>
     <label>Password <input name="password" type="password" autocomplete="current-password"></label>
     <button type="submit">Sign in</button></form>`,
  );

async function interact(request, response) {
  const { uid } = await provider.interactionDetails(request, response);
  response.setHeader("content-type", "text/html; charset=utf-8");
  if (request.method !== "POST") return response.end(form(uid, ""));
  let body = "";
  for await (const piece of request) body += piece;
  const fields = new URLSearchParams(body);
  const found = settings.accounts.find(
    (one) => one.login === fields.get("login") && one.password === fields.get("password"),
  );
  if (!found) return response.end(form(uid, "Name or password is wrong."));
  return provider.interactionFinished(request, response, { login: { accountId: found.sub } });
}

/** The subjects' sessions, so that a test can end them from here. */
const sessions = new Map();
provider.on("authorization.success", ({ oidc }) => {
  sessions.set(oidc.session.uid, { sub: oidc.session.accountId, sid: oidc.session.sidFor(settings.client.id) });
});

async function endSessions(sub) {
  const known = await provider.Client.find(settings.client.id);
  let count = 0;
  for (const [uid, session] of sessions) {
    if (session.sub !== sub) continue;
    sessions.delete(uid);
    await known.backchannelLogout(sub, session.sid);
    await (await provider.Session.findByUid(uid))?.destroy();
    count += 1;
  }
  return count;
}

const answer = provider.callback();
listener.on("request", async (request, response) => {
  try {
    const { pathname } = new URL(request.url, issuer);
    const ending = /^\/people\/([^/]+)\/sign-out$/.exec(pathname);
    if (pathname.startsWith("/interaction/")) await interact(request, response);
    else if (ending) response.end(JSON.stringify({ ended: await endSessions(decodeURIComponent(ending[1])) }));
    else await answer(request, response);
  } catch (error) {
    process.stderr.write(`${request.method} ${request.url}: ${error.message} ${error.cause ?? ""}\n`);
    if (!response.headersSent) response.statusCode = 400;
    response.end(String(error.message));
  }
});

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
process.stdout.write(`${JSON.stringify({ issuer, port })}\n`);
