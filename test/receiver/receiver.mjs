// A webhook receiver for tests that judges signatures with the public library "standardwebhooks" and events with "cloudevents", which nobody
// here wrote.
//
//   node receiver.mjs --port-file F --ledger F --secrets F [--port 0] [--until-eof] [--cert F --key F]
//
// With a certificate it speaks TLS, and HTTP/2 to those who can.
// The options, the file of secrets and the ledger are those of receiver.py; the ledger also says by which version of HTTP and over which
// connection.  It does not misbehave, but answers to paths that begin with /slow/500 after half a second.
import { createHash, createPublicKey, verify as verifySignature } from "node:crypto";
import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import { parseArgs } from "node:util";
import { HTTP } from "cloudevents";
import { Webhook } from "standardwebhooks";

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "port-file": { type: "string" },
    ledger: { type: "string" },
    secrets: { type: "string" },
    "until-eof": { type: "boolean", default: false },
    cert: { type: "string" },
    key: { type: "string" },
  },
});
let requests = 0;
const connections = new Map();

// A number for each connection, in order of their first requests.
function connectionOf(connection) {
  if (!connections.has(connection)) connections.set(connection, connections.size + 1);
  return connections.get(connection);
}

// The secrets that may have signed a request to this path.
function secretsFor(path) {
  const lines = readFileSync(options.secrets, "utf8").split("\n").map((line) => line.trim().split(/\s+/));
  return lines.filter((words) => words[0] && (words.length === 1 || words[0] === path)).map((words) => words.at(-1));
}

// The library knows no public keys (v1a): Node's own Ed25519 does.
function verifyEd25519(secret, body, headers) {
  const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(secret.slice(5), "base64").toString("base64url") } });
  const text = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  const signatures = headers["webhook-signature"].split(" ").filter((s) => s.startsWith("v1a,"));
  if (!signatures.some((s) => verifySignature(null, text, key, Buffer.from(s.slice(4), "base64")))) throw new Error("no v1a signature matches");
  return JSON.parse(body);
}

// Throws what the library throws unless one of the secrets fits.
function verify(path, body, headers) {
  let error = new Error("no secret is known for this path");
  for (const secret of secretsFor(path)) {
    try {
      return secret.startsWith("whpk_") ? verifyEd25519(secret, body, headers) : new Webhook(secret).verify(body, headers);
    } catch (e) {
      error = e;
    }
  }
  throw error;
}

function receive(request, response, body) {
  const problems = [];
  let signed = false;
  let events = [];
  try {
    const parsed = verify(request.url, body, request.headers);
    signed = true;
    events = Array.isArray(parsed) ? parsed : [parsed];
  } catch (e) {
    problems.push(`signature: ${e.message}`);
  }
  if (request.headers["content-type"] !== "application/json" || request.headers["ce-id"]) {
    try {
      events = [HTTP.toEvent({ headers: request.headers, body })].flat();
      events.forEach((event) => event.validate());
      // a structured event has all that the body has: nothing is lost on the way through the library
      if (!request.headers["ce-id"]) {
        const sent = [JSON.parse(body)].flat();
        sent.forEach((event, i) => Object.keys(event).forEach((name) => {
          if (events[i][name] === undefined) problems.push(`the library knows no attribute ${name}`);
        }));
      }
    } catch (e) {
      problems.push(`cloudevents: ${e.message}`);
    }
  }
  const status = signed ? 204 : 401;
  const entry = {
    n: ++requests,
    at: new Date().toISOString(),
    path: request.url,
    http: request.httpVersion,
    connection: connectionOf(request.stream?.session ?? request.socket),
    webhook_id: request.headers["webhook-id"] ?? "",
    status,
    signed,
    problems,
    ids: events.map((event) => event.id),
    sha256: createHash("sha256").update(body).digest("hex"),
    headers: request.headers,
    body,
  };
  if (options.ledger) appendFileSync(options.ledger, JSON.stringify(entry) + "\n");
  setTimeout(() => response.writeHead(status).end(), Number(/^\/slow\/(\d+)/.exec(request.url)?.[1] ?? 0));
}

const serve = (request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => receive(request, response, Buffer.concat(pieces).toString("utf8")));
};
const server = options.cert
  ? createSecureServer({ allowHTTP1: true, cert: readFileSync(options.cert), key: readFileSync(options.key) }, serve)
  : createServer(serve);
server.listen(Number(options.port), "127.0.0.1", () => {
  const { port } = server.address();
  if (options["port-file"]) {
    writeFileSync(options["port-file"] + ".tmp", `${port}\n`);
    renameSync(options["port-file"] + ".tmp", options["port-file"]);
  } else {
    console.log(`listening on http://127.0.0.1:${port}/`);
  }
});
if (options["until-eof"]) process.stdin.resume().on("end", () => process.exit(0));
