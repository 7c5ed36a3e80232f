// Decodes a profile with pprof-format, encodes it again, and compares what was decoded.
// usage: CLIENTS_DIR=folder node pprof_format.mjs FILE
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { createRequire } from 'node:module';

const require = createRequire(path.resolve(process.env.CLIENTS_DIR, 'package.json'));
const { Profile } = require('pprof-format');

const packed = fs.readFileSync(process.argv[2]);
const bytes = packed[0] === 0x1f && packed[1] === 0x8b ? zlib.gunzipSync(packed) : packed;

function facts(profile) {
  const text = (index) => profile.stringTable.strings[Number(index)];
  const totals = profile.sampleType.map((type, column) => {
    const sum = profile.sample.reduce((sum, sample) => sum + BigInt(sample.value[column]), 0n);
    return `${text(type.type)}/${text(type.unit)} ${sum}`;
  });
  return JSON.stringify({
    totals,
    samples: profile.sample.length,
    labels: profile.sample.reduce((sum, sample) => sum + sample.label.length, 0),
    locations: profile.location.length,
    lines: profile.location.reduce((sum, location) => sum + location.line.length, 0),
    functions: profile.function.map((f) => text(f.name)),
    mappings: profile.mapping.map((m) => `${text(m.filename)} ${text(m.buildId)}`),
    comments: profile.comment.map(text),
  });
}

const first = Profile.decode(bytes);
const again = Profile.decode(first.encode());
if (facts(first) !== facts(again)) {
  console.error(`before: ${facts(first)}\nafter:  ${facts(again)}`);
  process.exit(1);
}
