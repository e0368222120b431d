// Judges requests of OTLP/HTTP in JSON by the protobuf definitions that OpenTelemetry's own library ships.
//
//   node otlp.mjs FILE      a file with a request per line
//
// Prints a line per problem and exits with 1 if there is one.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { opentelemetry } = require("@opentelemetry/otlp-transformer/build/src/generated/root.js");
const Request = opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
const problems = [];
const ids = { traceId: 16, spanId: 8, parentSpanId: 8 };

// Ids are bytes in protobuf, and hexadecimal in OTLP's JSON.
function prepared(value) {
  if (Array.isArray(value)) return value.map(prepared);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => {
    if (!(key in ids)) return [key, prepared(v)];
    if (!new RegExp(`^[0-9a-f]{${ids[key] * 2}}$`).test(v) || /^0+$/.test(v)) problems.push(`${key} is ${JSON.stringify(v)}`);
    return [key, Buffer.from(v, "hex").toString("base64")];
  }));
}

// What the definitions do not know is lost on the way through them.
function lost(sent, known, path) {
  if (sent !== null && typeof sent === "object") {
    for (const [key, v] of Object.entries(sent)) {
      if (known?.[key] === undefined) problems.push(`${path}.${key} is not in the definitions`);
      else lost(v, known[key], `${path}.${key}`);
    }
  } else if (String(sent) !== String(known)) problems.push(`${path} is ${sent}, and ${known} by the definitions`);
}

for (const line of readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean)) {
  const sent = prepared(JSON.parse(line));
  const message = Request.fromObject(sent);
  const refused = Request.verify(message);
  if (refused) problems.push(refused);
  lost(sent, Request.toObject(Request.decode(Request.encode(message).finish()), { longs: String, bytes: String, enums: Number }), "request");
}
for (const p of new Set(problems)) console.log(p);
process.exit(problems.length ? 1 : 0);
