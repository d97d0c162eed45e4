// aws-jwt-verify, unmodified, by https: `node https.mjs ENDPOINT POOL CLIENT ID_TOKEN HOST...`, with NODE_EXTRA_CA_CERTS. Prints what it saw.
import { JwtVerifier } from "aws-jwt-verify";

const [endpoint, userPoolId, clientId, token, ...hosts] = process.argv.slice(2);
const port = new URL(endpoint).port;
const issuer = `https://cognito-idp.us-east-1.amazonaws.com/${userPoolId}`;
const verifier = JwtVerifier.create({ issuer, audience: clientId, jwksUri: `${endpoint}/${userPoolId}/.well-known/jwks.json` });
const seen = { claims: await verifier.verify(token), hosts: {} };
for (const host of hosts) {
  seen.hosts[host] = await fetch(`https://${host}:${port}/health`).then((answer) => answer.status, (error) => String(error.cause?.code ?? error));
}
console.log(JSON.stringify(seen));
