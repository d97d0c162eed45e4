// Remembered devices with amazon-cognito-identity-js, unmodified: `node devices.mjs ENDPOINT POOL CLIENT PASSWORD USERNAME`. Prints one JSON object.
import { createHmac } from "node:crypto";
import identity from "amazon-cognito-identity-js";

const { CognitoUserPool, CognitoUser, AuthenticationDetails } = identity;
const [endpoint, UserPoolId, ClientId, Password, Username] = process.argv.slice(2);

class Storage {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => void this.items.set(key, value);
  removeItem = (key) => void this.items.delete(key);
}
// A device is what keeps the library's storage; every sign-in on it has a user object of its own.
const device = () => ({ Storage: new Storage() });
const userOn = ({ Storage }) => new CognitoUser({ Username, Pool: new CognitoUserPool({ UserPoolId, ClientId, endpoint, Storage }), Storage });
const node = (call) => new Promise((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))));
const callbacks = (call) => new Promise((resolve, reject) => call({ onSuccess: resolve, onFailure: reject, associateSecretCode: resolve }));
const signIn = (user) =>
  new Promise((resolve, reject) =>
    user.authenticateUser(new AuthenticationDetails({ Username, Password }), {
      onSuccess: (session, confirmationNecessary) => resolve({ session, confirmationNecessary: confirmationNecessary === true }),
      onFailure: reject,
      totpRequired: () => resolve({ prompt: "totp" }),
    }),
  );
const deviceKey = ({ session }) => session.getAccessToken().payload.device_key;
const totp = (secret) => {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)));
  const digest = createHmac("sha1", Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))).update(counter).digest();
  return String((digest.readUInt32BE(digest[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
};
const seen = {};

// The first sign-in: the library confirms the device by itself. Then the user sets up an authenticator app.
const laptop = device();
const user = userOn(laptop);
const first = await signIn(user);
seen.first = { key: deviceKey(first), confirmationNecessary: first.confirmationNecessary };
const secret = await callbacks((handlers) => user.associateSoftwareToken(handlers));
await callbacks((handlers) => user.verifySoftwareToken(totp(secret), "app", handlers));
await node((done) => user.setUserMfaPreference(null, { Enabled: true, PreferredMfa: true }, done));

// On that device no second factor is asked, on another it is.
const again = userOn(laptop);
const second = await signIn(again);
seen.second = { key: deviceKey(second), prompt: second.prompt ?? null };
seen.elsewhere = (await signIn(userOn(device()))).prompt;
const refreshed = await node((done) => again.refreshSession(second.session.getRefreshToken(), done));
seen.refreshed = { key: deviceKey({ session: refreshed }), valid: refreshed.isValid() };

// Shown, remembered or not.
const listed = await callbacks((handlers) => again.listDevices(10, null, handlers));
seen.listed = listed.Devices.map((each) => each.DeviceKey);
const shown = await callbacks((handlers) => again.getDevice(handlers));
seen.shown = Object.fromEntries(shown.Device.DeviceAttributes.map((each) => [each.Name, each.Value]));
seen.notRemembered = await callbacks((handlers) => again.setDeviceStatusNotRemembered(handlers));
seen.promptWhenNotRemembered = (await signIn(userOn(laptop))).prompt;
seen.remembered = await callbacks((handlers) => again.setDeviceStatusRemembered(handlers));
seen.promptWhenRemembered = (await signIn(userOn(laptop))).prompt ?? null;

// Forgotten elsewhere: the library is told so, drops what it kept, and goes on as on a new device.
await callbacks((handlers) => again.forgetSpecificDevice(seen.first.key, handlers));
const kept = () => [...laptop.Storage.items.keys()].some((key) => key.endsWith(".deviceKey"));
seen.keptBefore = kept();
seen.promptWhenForgotten = (await signIn(userOn(laptop))).prompt;
seen.keptAfter = kept();

console.log(JSON.stringify(seen));
