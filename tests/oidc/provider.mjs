// A real identity provider for tests, by oidc-provider: `node provider.mjs PORT CALLBACK`. Its pages sign in whomever
// /control has named, with the `acr` and `amr` that it has named; a `rotate` there gives the provider new keys.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.OIDC_MODULES}/`);
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const [port, callback, back] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const next = { account: 'ada', acr: undefined, amr: undefined };
let number = 0;

const newKey = () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  number += 1;
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${number}`, use: 'sig', alg: 'RS256' };
};

const newProvider = () => {
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'mailer', client_secret: 'a secret of the tests', redirect_uris: [callback],
      response_types: ['code'], grant_types: ['authorization_code'], post_logout_redirect_uris: [back],
    }],
    jwks: { keys: [newKey()] },
    cookies: { keys: ['a key of the tests'] },
    claims: { openid: ['sub', 'acr', 'amr'] },
    acrValues: ['urn:example:gold', 'urn:example:bronze'],
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    pkce: { required: () => true },
    ttl: { IdToken: 60, AuthorizationCode: 60, AccessToken: 60, Session: 600, Interaction: 600, Grant: 600 },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  });
  return provider;
};
let provider = newProvider();
let answer = provider.callback();

const finishInteraction = async (request, response) => {
  const { prompt, params, grantId, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    const login = { accountId: next.account, acr: next.acr, amr: next.amr, remember: false };
    await provider.interactionFinished(request, response, { login });
    return;
  }
  const grant = grantId ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid');
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
};

const obeyControl = async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { rotate, ...values } = JSON.parse(Buffer.concat(chunks));
  Object.assign(next, values);
  if (rotate) {
    provider = newProvider();
    answer = provider.callback();
  }
  response.end('{}');
};

createServer(async (request, response) => {
  try {
    if (request.url === '/control') await obeyControl(request, response);
    else if (request.url.startsWith('/interaction/')) await finishInteraction(request, response);
    else await answer(request, response);
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));
