// The runtime of local functions in Node: `loop.mjs FILE HANDLER` asks the Runtime API for events and answers what the handler answers.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
import http from "node:http";
import { pathToFileURL } from "node:url";

const [file, name] = process.argv.slice(2);
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
process.stdin.on("end", () => process.exit(0)).resume(); // the server holds the other end

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const request = http.request({ host, port, method, path: `/2018-06-01/runtime/${path}`, agent, headers }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(parts) }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

function described(error) {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
  }
  return { errorType: typeof error, errorMessage: typeof error === "string" ? error : JSON.stringify(error) ?? String(error), trace: [] };
}

// A handler answers by a promise, by its third parameter, or by its context, as it was written for.
function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error ? reject(error) : resolve(result));
    const withEnds = { ...context, done: callback, succeed: resolve, fail: (error) => reject(error ?? new Error("failed")) };
    const answer = handler(event, withEnds, callback);
    if (typeof answer?.then === "function") answer.then(resolve, reject);
    else if (handler.length < 2) resolve(null); // as Lambda: what a handler returns counts only if it is a promise
  });
}

async function load() {
  const loaded = await import(pathToFileURL(file).href);
  const handler = loaded[name] ?? loaded.default?.[name];
  if (typeof handler !== "function") throw new TypeError(`${file} does not export a function named ${name}`);
  return handler;
}

let handler;
try {
  handler = await load();
} catch (error) {
  console.error(error);
  await call("POST", "init/error", JSON.stringify(described(error)));
  process.exit(1);
}
for (;;) {
  const next = await call("GET", "invocation/next");
  const id = next.headers["lambda-runtime-aws-request-id"];
  const deadline = Number(next.headers["lambda-runtime-deadline-ms"]);
  const context = {
    awsRequestId: id,
    invokedFunctionArn: next.headers["lambda-runtime-invoked-function-arn"],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: "$LATEST",
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  let path = "response";
  let body;
  try {
    body = JSON.stringify(await run(handler, JSON.parse(next.body), context)) ?? "null";
  } catch (error) {
    console.error(error);
    path = "error";
    body = JSON.stringify(described(error));
  }
  await call("POST", `invocation/${id}/${path}`, body);
}
