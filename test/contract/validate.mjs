// Judges what the catalog promises to receivers, by public programs.
//
//   validate.mjs schemas.jsonl asyncapi.json events.jsonl ...
//
// schemas.jsonl: a schema of json_schema() per line; events: an event per line.  Every event validates against the schema of its type, formats
// included, also where no member may stand that the schema does not name; the CloudEvents SDK reads it; the AsyncAPI parser finds no
// error.  Prints one line of figures, and what is wrong; exit status 1 if anything is.
import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { CloudEvent, HTTP } from 'cloudevents';
import { Parser } from '@asyncapi/parser';

const [schemasFile, asyncapiFile, ...eventFiles] = process.argv.slice(2);
const lines = (file) => readFileSync(file, 'utf8').split('\n').filter((line) => line !== '');
const problems = [];
const wrong = (text) => problems.push(text);

// The same schema where nothing may stand that it does not name.
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, key === 'enum' || key === 'const' || key === 'examples' ? value : closed(value)]));
  if (copy.properties && copy.type === 'object' && copy.additionalProperties === undefined) copy.additionalProperties = false;
  return copy;
}

function ajv() {
  const judge = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  addFormats(judge);
  return judge;
}

const meta = ajv();
const schemas = new Map();
for (const line of lines(schemasFile)) {
  const schema = JSON.parse(line);
  if (!meta.validateSchema(schema)) wrong(`schema of ${schema.title}: ${meta.errorsText()}`);
  schemas.set(schema.title, schema);
}

// The two validators of a type, made when its first event comes.
const validators = new Map();
function validatorsOf(type) {
  if (!validators.has(type)) {
    const { $id, ...anonymous } = closed(schemas.get(type));
    validators.set(type, [ajv().compile(schemas.get(type)), ajv().compile(anonymous)]);
  }
  return validators.get(type);
}

let events = 0;
const seen = new Set();
for (const file of eventFiles)
  for (const line of lines(file)) {
    const event = JSON.parse(line);
    events++;
    seen.add(event.type);
    if (!schemas.has(event.type)) {
      wrong(`${event.type}: no schema`);
      continue;
    }
    for (const validate of validatorsOf(event.type))
      if (!validate(event)) {
        wrong(`${event.type} ${event.id}: ${JSON.stringify(validate.errors.filter((e) => e.keyword !== 'anyOf').slice(0, 3))}`);
        break;
      }
    try {
      const parsed = HTTP.toEvent({ headers: { 'content-type': 'application/cloudevents+json' }, body: line });
      if (!(parsed instanceof CloudEvent) || parsed.validate() !== true || parsed.id !== event.id || parsed.partitionkey !== event.partitionkey)
        wrong(`${event.type} ${event.id}: the SDK reads something else`);
    } catch (error) {
      wrong(`${event.type} ${event.id}: the SDK says ${error.message}`);
    }
  }

const { document, diagnostics } = await new Parser().parse(readFileSync(asyncapiFile, 'utf8'));
for (const d of diagnostics.filter((d) => d.severity === 0)) wrong(`AsyncAPI: ${d.path.join('.')}: ${d.message}`);
const messages = document ? document.allMessages().all().length : 0;
if (messages !== schemas.size) wrong(`AsyncAPI has ${messages} messages, the catalog ${schemas.size} types`);

for (const text of [...new Set(problems)].slice(0, 20)) console.log(text);
console.log(`${schemas.size} schemas, ${events} events of ${seen.size} types, ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
