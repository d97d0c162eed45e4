// The JavaScript SDK's fromCognitoIdentityPool and Amplify's fetchAuthSession as they come: `node identity.mjs URL IDENTITY_POOL USER_POOL CLIENT PASSWORD`.
import { fromCognitoIdentityPool } from "@aws-sdk/credential-providers";
import { Amplify } from "aws-amplify";
import { fetchAuthSession, signIn } from "aws-amplify/auth";
import { cognitoUserPoolsTokenProvider } from "aws-amplify/auth/cognito";

const [, , url, identityPoolId, userPoolId, userPoolClientId, password] = process.argv;
const clientConfig = { endpoint: url, region: "us-east-1" };
const seen = {};

class Memory {
  kept = new Map();
  async setItem(key, value) { this.kept.set(key, value); }
  async getItem(key) { return this.kept.get(key) ?? null; }
  async removeItem(key) { this.kept.delete(key); }
  async clear() { this.kept.clear(); }
}

const shown = (made) => ({ identityId: made.identityId, key: made.accessKeyId.slice(0, 4), token: made.sessionToken.length > 50, until: made.expiration.getTime() });

Amplify.configure({
  Auth: { Cognito: { userPoolId, userPoolClientId, userPoolEndpoint: url, identityPoolId, identityPoolEndpoint: url, allowGuestAccess: true } },
});
cognitoUserPoolsTokenProvider.setKeyValueStorage(new Memory());
const guest = await fetchAuthSession();
seen.amplifyGuest = { ...shown(guest.credentials), identityId: guest.identityId };
await signIn({ username: "kim", password, options: { authFlowType: "USER_PASSWORD_AUTH" } });
const session = await fetchAuthSession();
seen.amplify = { ...shown(session.credentials), identityId: session.identityId };

const logins = { [`cognito-idp.us-east-1.amazonaws.com/${userPoolId}`]: session.tokens.idToken.toString() };
seen.sdk = shown(await fromCognitoIdentityPool({ identityPoolId, logins, clientConfig })());
seen.sdkGuest = shown(await fromCognitoIdentityPool({ identityPoolId, clientConfig })());
try {
  await fromCognitoIdentityPool({ identityPoolId, logins: { "graph.facebook.com": "x" }, clientConfig })();
} catch (error) {
  seen.refused = { name: error.name, message: error.message };
}
console.log(JSON.stringify(seen));
