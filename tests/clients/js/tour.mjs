// A tour of amazon-cognito-identity-js, unmodified: `node tour.mjs ENDPOINT POOL CLIENT PASSWORD INBOX`. Prints one JSON object of what it saw.
import identity from "amazon-cognito-identity-js";

const { CognitoUserPool, CognitoUser, CognitoUserAttribute, AuthenticationDetails } = identity;
const [endpoint, UserPoolId, ClientId, password] = process.argv.slice(2);
const pool = new CognitoUserPool({ UserPoolId, ClientId, endpoint });
const seen = {};

const userOf = (Username) => new CognitoUser({ Username, Pool: pool });
const node = (call) => new Promise((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))));
const callbacks = (call, more = {}) =>
  new Promise((resolve, reject) => call({ onSuccess: resolve, onFailure: reject, inputVerificationCode: resolve, ...more }));
const signIn = (user, Password) =>
  new Promise((resolve, reject) =>
    user.authenticateUser(new AuthenticationDetails({ Username: user.getUsername(), Password }), {
      onSuccess: (session) => resolve({ session }),
      onFailure: reject,
      newPasswordRequired: (userAttributes, requiredAttributes) => resolve({ userAttributes, requiredAttributes }),
    }),
  );
const refusal = (promise) => promise.then(() => "none", (error) => ({ name: error.name, code: error.code, message: error.message }));
const code = async (to) => {
  const answer = await fetch(`${endpoint}/inbox.json?to=${encodeURIComponent(to)}`);
  return (await answer.json()).messages[0].code;
};

// A sign-up, confirmed by the mailed code.
const email = "js@example.com";
const signedUp = await node((done) =>
  pool.signUp("js", password, [new CognitoUserAttribute({ Name: "email", Value: email })], [], done),
);
seen.signUp = { confirmed: signedUp.userConfirmed, delivery: signedUp.codeDeliveryDetails, sub: signedUp.userSub };
const user = userOf("js");
seen.unconfirmed = await refusal(signIn(user, password));
seen.confirmed = await node(async (done) => user.confirmRegistration(await code(email), true, done));

// Sign-in by SRP.
seen.wrongPassword = await refusal(signIn(userOf("js"), password + "x"));
const { session } = await signIn(user, password);
seen.session = {
  valid: session.isValid(),
  username: session.getAccessToken().payload.username,
  email: session.getIdToken().payload.email,
  use: [session.getIdToken().payload.token_use, session.getAccessToken().payload.token_use],
};

// The user's own attributes and password.
await node((done) => user.updateAttributes([new CognitoUserAttribute({ Name: "nickname", Value: "Jäsper \u{1F600}" })], done));
const attributes = await node((done) => user.getUserAttributes(done));
seen.attributes = Object.fromEntries(attributes.map((each) => [each.getName(), each.getValue()]));
await node((done) => user.deleteAttributes(["nickname"], done));
const left = await node((done) => user.getUserAttributes(done));
seen.left = left.map((each) => each.getName()).sort();
seen.changed = await node((done) => user.changePassword(password, password + "2", done));
seen.oldPassword = await refusal(signIn(userOf("js"), password));

// Forgotten, and recovered by the mailed code.
await callbacks((handlers) => user.forgotPassword(handlers));
const recovery = await code(email);
await callbacks((handlers) => user.confirmPassword(recovery, password + "3", handlers));
const again = userOf("js");
const second = (await signIn(again, password + "3")).session;
seen.recovered = second.isValid();

// Refreshed, then signed out everywhere.
const refreshed = await node((done) => again.refreshSession(second.getRefreshToken(), done));
seen.refreshed = { valid: refreshed.isValid(), another: refreshed.getAccessToken().getJwtToken() !== second.getAccessToken().getJwtToken() };
seen.signedOut = await callbacks((handlers) => again.globalSignOut(handlers));
const late = userOf("js");
late.setSignInUserSession(refreshed);
seen.afterSignOut = await refusal(node((done) => late.getUserAttributes(done)));
seen.refreshAfterSignOut = await refusal(node((done) => late.refreshSession(second.getRefreshToken(), done)));

// One whom an administrator made: the temporary password must be changed.
const invited = userOf("invited");
const asked = await signIn(invited, password);
seen.newPasswordRequired = { attributes: asked.userAttributes, required: asked.requiredAttributes };
const completed = await callbacks((handlers) => invited.completeNewPasswordChallenge(password + "4", {}, handlers));
seen.completed = completed.isValid();
seen.deleted = await node((done) => invited.deleteUser(done));
seen.afterDeletion = await refusal(signIn(userOf("invited"), password + "4"));

console.log(JSON.stringify(seen));
