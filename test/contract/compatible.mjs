// Is a catalog still what receivers were promised?
//
//   compatible.mjs flatten asyncapi.json                  prints what is promised, to be kept as the baseline
//   compatible.mjs check baseline.json asyncapi.json      exit status 1 if something promised is gone or means something else
//
// Promised are the types, and for each the members and what values they may have.  More types, more members, fewer possible values are
// compatible.  Anything else needs a new version of the type, beside which the old one goes on.
import { readFileSync } from 'node:fs';

const [command, ...files] = process.argv.slice(2);
const read = (file) => JSON.parse(readFileSync(file, 'utf8'));

// The possible values of a schema, as a sorted list of words; [] is anything.
function values(schema) {
  if (schema.$ref) return [schema.$ref.replace(/^.*\//, '')];
  if (schema.anyOf && schema.type === undefined) return [...new Set(schema.anyOf.flatMap(values))].sort();
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).sort();
  // a date of PostgreSQL's that ISO 8601 has no four-digit year for is the alternative to one that it has
  const format = schema.format ?? schema.anyOf?.find((a) => a.format)?.format;
  const types = schema.type === undefined ? [] : [].concat(schema.type);
  return types.map((t) => (t === 'string' && format ? `${t}:${format}` : t)).sort();
}

function members(schema, path, out) {
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    out[`${path}.${name}`] = values(member).join(' ');
    members(member, `${path}.${name}`, out);
  }
  const items = schema.items ? [].concat(schema.items.anyOf ?? schema.items) : [];
  for (const item of items) members(item, `${path}[${item.properties?.part?.const ?? ''}]`, out);
}

function flatten(document) {
  const flat = { types: {}, members: {} };
  for (const [type, message] of Object.entries(document.components.messages))
    flat.types[type] = values(message.payload.allOf[1].properties.data).join(' ');
  for (const [name, schema] of Object.entries(document.components.schemas)) members(schema, name, flat.members);
  return flat;
}

const sorted = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

if (command === 'flatten') {
  const flat = flatten(read(files[0]));
  console.log(JSON.stringify({ types: sorted(flat.types), members: sorted(flat.members) }, null, 1));
} else {
  const was = read(files[0]);
  const is = flatten(read(files[1]));
  const broken = [];
  for (const [type, data] of Object.entries(was.types))
    if (is.types[type] === undefined) broken.push(`${type} is gone`);
    else if (is.types[type] !== data) broken.push(`${type} carries ${is.types[type]} instead of ${data}`);
  for (const [path, before] of Object.entries(was.members)) {
    const now = is.members[path];
    if (now === undefined) broken.push(`${path} is gone`);
    else if (before !== '') {
      const more = now === '' ? ['anything'] : now.split(' ').filter((v) => !before.split(' ').includes(v));
      if (more.length > 0) broken.push(`${path} may be ${more.join(', ')}, was ${before}`);
    }
  }
  for (const text of broken) console.log(text);
  console.log(`${Object.keys(was.types).length} types and ${Object.keys(was.members).length} members promised, ${broken.length} broken`);
  process.exit(broken.length === 0 ? 0 : 1);
}
