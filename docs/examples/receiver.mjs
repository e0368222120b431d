// A complete receiver of odoo_events in Node 18 or newer, no library: PORT=8080 SECRET=whsec_... STATE=seen.txt node receiver.mjs
// For formats structured (the default) and batch.
import { createServer } from 'node:http';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { openSync, writeSync, fsyncSync, readFileSync } from 'node:fs';

const key = Buffer.from(process.env.SECRET.slice('whsec_'.length), 'base64');
const path = process.env.STATE ?? 'seen.txt';

// Remembers what was done, on disk: with a database, write this and your work in one transaction instead.
const file = openSync(path, 'a+');
const seen = new Set();
const last = new Map();
function note(id, sequence, document) {
  seen.add(id);
  if (sequence > (last.get(document) ?? '')) last.set(document, sequence);
}
for (const line of readFileSync(path, 'utf8').split('\n')) if (line) note(...line.split('\t'));

function take(event) {
  if (seen.has(event.id)) return;                            // a duplicate, or a replay
  const { id, sequence, partitionkey } = event;
  if (sequence > (last.get(partitionkey) ?? '')) work(event);
  // else it is older than what this document already shows: a dead letter that was replayed late
  writeSync(file, `${id}\t${sequence}\t${partitionkey}\n`);
  fsyncSync(file);
  note(id, sequence, partitionkey);
}

// Yours; it throws where it fails: the event comes again.  Where it awaits, keep a queue, so that two requests do not overtake each other.
function work(event) {
  console.log(event.type, event.subject, event.sequence);
}

function signed(headers, body) {
  const id = headers['webhook-id'], stamp = headers['webhook-timestamp'];
  if (!id || !(Math.abs(Date.now() / 1000 - Number(stamp)) <= 300)) return false;
  const want = Buffer.from('v1,' + createHmac('sha256', key).update(`${id}.${stamp}.`).update(body).digest('base64'));
  return (headers['webhook-signature'] ?? '').split(' ').some((given) => {     // several while a secret is being rotated
    const got = Buffer.from(given);
    return got.length === want.length && timingSafeEqual(got, want);
  });
}

function receive(request, body) {
  if (!signed(request.headers, body)) return 401;
  let parsed;
  try {
    parsed = JSON.parse(body.toString());
  } catch {
    return 400;
  }
  try {
    for (const event of Array.isArray(parsed) ? parsed : [parsed]) take(event);
    return 204;
  } catch (error) {                                          // whatever your work throws: not acknowledged
    console.error(error);
    return 500;
  }
}

createServer((request, response) => {
  const chunks = [];
  let length = 0;
  request.on('data', (chunk) => {
    length += chunk.length;
    if (length <= 64 * 1024 * 1024) chunks.push(chunk);
  }).on('end', () => {
    const status = request.method !== 'POST' ? 405 : length > 64 * 1024 * 1024 ? 413 : receive(request, Buffer.concat(chunks));
    response.writeHead(status).end();
  });
}).listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1');
