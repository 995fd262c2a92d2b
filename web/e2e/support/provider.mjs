// A real OpenID Connect provider: oidc-provider, which is certified by the OpenID Foundation, with its own pages to sign in and out.
// Whoever signs in as "ada" is Ada of example.org.

import { createServer } from "node:http";

import { Provider } from "oidc-provider";

export const CLIENT = { id: "tandem", secret: "a secret of the stories / + % and more" };

export class SignInProvider {
  /** Listens, and is away as yet: a server that is started by now learns that it has to try again. */
  static async start() {
    const provider = new SignInProvider();
    let handle = (_, answer) => answer.writeHead(503).end();
    provider.http = createServer((request, answer) => handle(request, answer));
    await new Promise((resolve) => provider.http.listen(0, "127.0.0.1", resolve));
    provider.issuer = `http://localhost:${provider.http.address().port}`;
    provider.serve = (server) => {
      handle = made(provider.issuer, server).callback();
    };
    return provider;
  }

  /** What a server needs to send people here. */
  environment(more = {}) {
    return {
      TANDEM__AUTH__MODE: "oidc",
      TANDEM__AUTH__OIDC__ISSUER: this.issuer,
      TANDEM__AUTH__OIDC__CLIENT_ID: CLIENT.id,
      TANDEM__AUTH__OIDC__CLIENT_SECRET: CLIENT.secret,
      TANDEM__AUTH__OIDC__EMAIL_DOMAINS: "example.org",
      ...more,
    };
  }

  stop() {
    this.http.closeAllConnections();
    return new Promise((resolve) => this.http.close(resolve));
  }
}

function made(issuer, server) {
  const name = (id) => id[0].toUpperCase() + id.slice(1);
  return new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [`${server}auth/callback`],
        post_logout_redirect_uris: [server],
      },
    ],
    claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"] },
    // "eve@elsewhere" has an address of another domain.
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        name: name(id),
        email: id.includes("@") ? id : `${id}@example.org`,
        email_verified: true,
      }),
    }),
    features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    pkce: { required: () => true },
    cookies: { keys: ["of the stories"] },
    ttl: { Session: 600, Grant: 600, Interaction: 600, IdToken: 600, AccessToken: 600 },
  });
}

/** Types who this is at the provider's page, and lets it tell the server. */
export async function signInAs(person, login) {
  const { page } = person;
  await page.waitForSelector("input[name=login]");
  await page.type("input[name=login]", login);
  await page.type("input[name=password]", "whatever");
  await press(page, "button[type=submit]");
  // The consent of the first time.
  await press(page, "button[type=submit]");
}

/** Says yes at the provider's page to signing out there too. */
export async function signOutThere(person) {
  const { page } = person;
  await page.waitForSelector("button[name=logout]");
  await press(page, "button[name=logout]");
}

/** Also in a tab that lies behind another. */
async function press(page, button) {
  await Promise.all([page.waitForNavigation(), page.$eval(button, (one) => one.click())]);
}

/** The provider's own pages ask for a font of elsewhere: nothing of a story leaves this machine. */
export const STAYS_HERE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"];
