// amazon-cognito-js as it comes, two devices of one guest and a user into whom the guest is merged: `node sync.mjs URL IDENTITY_POOL PROVIDER ID_TOKEN`.
import AWS from "aws-sdk";
import "amazon-cognito-js";

const [, , url, IdentityPoolId, provider, token] = process.argv;
AWS.config.update({ region: "us-east-1", cognitoidentity: { endpoint: url }, cognitosync: { endpoint: url } });
const seen = {};
const called = (run) => new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))));

async function device(params) {
  const credentials = new AWS.CognitoIdentityCredentials({ IdentityPoolId, ...params }, { endpoint: url });
  await called((done) => credentials.get(done));
  AWS.config.credentials = credentials; // the release on npm takes them from here
  const manager = new AWS.CognitoSyncManager({ credentials, DataStore: AWS.CognitoSyncManager.StoreInMemory });
  manager.remote.client = new AWS.CognitoSync({ credentials, endpoint: url, region: "us-east-1" });
  return { credentials, manager, open: (name) => called((done) => manager.openOrCreateDataset(name, done)) };
}

const synchronized = (dataset, callbacks = {}) =>
  new Promise((resolve) =>
    dataset.synchronize({
      onSuccess: (_, news) => resolve({ news: (news ?? []).map((record) => record.getKey()).sort() }),
      onFailure: (error) => resolve({ error: error.message }),
      ...callbacks,
    }),
  );
const all = (dataset) => called((done) => dataset.getAll(done));
const put = (dataset, key, value) => called((done) => dataset.put(key, value, done));

const first = await device({});
const second = await device({ IdentityId: first.credentials.identityId });
const one = await first.open("settings");
await put(one, "color", "blue");
await put(one, "size", "12");
seen.pushed = await synchronized(one);
const two = await second.open("settings");
seen.pulled = await synchronized(two);
seen.onTwo = await all(two);

await put(one, "color", "green");
await synchronized(one);
await put(two, "color", "red");
seen.conflict = await synchronized(two, {
  onConflict: (dataset, conflicts, callback) => {
    seen.versions = conflicts.map((each) => [each.getKey(), each.getLocalRecord().getValue(), each.getRemoteRecord().getValue()]);
    dataset.resolve(conflicts.map((each) => each.resolveWithLocalRecord()), () => callback(true));
  },
});
await synchronized(one);
seen.afterConflict = [await all(one), await all(two)];

await called((done) => two.remove("size", done));
await synchronized(two);
await synchronized(one);
seen.removed = await all(one);

const user = await device({ Logins: { [provider]: token } });
const own = await user.open("settings");
await put(own, "own", "1");
await synchronized(own);
const merging = new AWS.CognitoIdentityCredentials(
  { IdentityPoolId, IdentityId: first.credentials.identityId, Logins: { [provider]: token } },
  { endpoint: url },
);
await called((done) => merging.get(done));
seen.sameUser = merging.identityId === user.credentials.identityId;
seen.merged = await synchronized(own, {
  onDatasetsMerged: (dataset, names, callback) => {
    seen.names = names.map((name) => name === `settings.${first.credentials.identityId}`);
    seen.mergedName = names[0];
    callback(false);
  },
});
const merged = new AWS.CognitoSync({ credentials: user.credentials, endpoint: url, region: "us-east-1" });
const who = { IdentityPoolId, IdentityId: user.credentials.identityId };
const records = await merged.listRecords({ ...who, DatasetName: seen.mergedName }).promise();
seen.carried = records.Records.map((record) => [record.Key, record.Value]);
await merged.deleteDataset({ ...who, DatasetName: seen.mergedName }).promise();
seen.afterMerge = await synchronized(own);
await merged.deleteDataset({ ...who, DatasetName: "settings" }).promise();
seen.deleted = await synchronized(own, { onDatasetDeleted: (dataset, name, callback) => callback(((seen.deletedName = name), false)) });
console.log(JSON.stringify(seen));
