#!/usr/bin/env node
// Writes plans/customer_identity_plans.bin: Google's numbering plans, out of npm's google-libphonenumber.
//   scripts/make_plans.js            the newest version of the package, or VERSION
//   FROM=metadata.js DATE=2026-07-16 UPSTREAM=9.0.35 scripts/make_plans.js
//                                    a release of libphonenumber, by its javascript/i18n/phonenumbers/metadata.js
// OUT names another file to write. UPSTREAM, the release of libphonenumber that a package carries, is known to the
// package's repository only. The file's form: src/phone/plans_file.hpp.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const { numbersOpened } = require('./numbers_opened.js');

const PACKAGE = 'google-libphonenumber';
const root = path.dirname(__dirname);
const out = process.env.OUT || path.join(root, 'plans/customer_identity_plans.bin');
const LICENCE = 'Apache-2.0, Copyright The Libphonenumber Authors; plans/LICENSE';

// The messages of phonemetadata.proto by field number: what a value is, with * where there may be several.
const FORMAT = { 1: 'string', 2: 'string', 3: 'string*', 4: 'string', 5: 'string', 6: 'integer' };
const NUMBERS = { 2: 'string', 6: 'string', 9: 'integer*', 10: 'integer*' };
const PLAN = { 9: 'string', 10: 'integer', 18: 'integer', 19: [FORMAT], 20: [FORMAT], 22: 'integer', 32: 'integer' };
for (const field of [11, 12, 13, 15, 16, 17, 23]) PLAN[field] = 'string';
for (const field of [1, 2, 3, 4, 5, 6, 7, 8, 21, 24, 25, 27, 28, 29, 30, 31, 33]) PLAN[field] = NUMBERS;
const LABEL = { 1002: 'string', 1003: 'string', 1004: 'string', 1005: 'string', 1006: 'string*' };
const CHECKSUM = 1001;

function varint(value) {
  const bytes = [];
  let left = BigInt.asUintN(64, BigInt(value));
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
  return Buffer.from([...bytes, Number(left)]);
}

const counted = (field, bytes) => Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);

function encodeValue(kind, field, value) {
  if (typeof kind === 'object') return counted(field, encode(kind, value));
  if (kind === 'string') return counted(field, Buffer.from(value));
  return Buffer.concat([varint(field * 8), varint(value)]);
}

// The bundle carries a message as an array with each field at the place of its number.
function encode(message, values) {
  const parts = [];
  Object.entries(values).forEach(([field, value]) => {
    if (value === null || value === undefined) return;
    let kind = message[field];
    if (kind === undefined) throw new Error(`the metadata has a field ${field} that this script does not know`);
    const several = Array.isArray(kind) || (typeof kind === 'string' && kind.endsWith('*'));
    if (several) kind = Array.isArray(kind) ? kind[0] : kind.slice(0, -1);
    for (const each of several ? value : [value]) parts.push(encodeValue(kind, Number(field), each));
  });
  return Buffer.concat(parts);
}

function checksumOf(bytes) {
  let hash = 0xcbf29ce484222325n; // FNV-1a
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  const written = Buffer.alloc(8);
  written.writeBigUInt64LE(hash);
  return written;
}

// Only the literal is evaluated, in a context with nothing in it.
function plansIn(source) {
  const name = /i18n\.phonenumbers\.metadata\.countryToMetadata\s*=\s*/.exec(source);
  if (name === null) throw new Error('there is no metadata of libphonenumber in it');
  const start = name.index + name[0].length;
  const plans = vm.runInNewContext(`(${source.slice(start, source.indexOf('};', start) + 1)})`);
  return new Map(Object.entries(plans).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const npm = (...args) => execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

function unpacked(version) {
  const folder = path.join(root, 'build/plans', version);
  fs.mkdirSync(folder, { recursive: true });
  npm('pack', '--silent', '--pack-destination', folder, `${PACKAGE}@${version}`);
  execFileSync('tar', ['xzf', path.join(folder, `${PACKAGE}-${version}.tgz`), '-C', folder]);
  return fs.readFileSync(path.join(folder, 'package/dist/libphonenumber.js'), 'utf8');
}

const compareVersions = (a, b) => a.localeCompare(b, 'en', { numeric: true });

// The package's text, that of the release before it, and what the label says of it.
function fromPackage() {
  const times = JSON.parse(npm('view', PACKAGE, 'time', '--json'));
  const versions = Object.keys(times).filter((name) => /^\d+\.\d+\.\d+$/.test(name)).sort(compareVersions);
  const version = process.env.VERSION || versions.at(-1);
  const at = versions.indexOf(version);
  if (at < 1) throw new Error(`npm knows no version ${version} of ${PACKAGE}, or none before it`);
  const date = process.env.DATE || times[version].slice(0, 10);
  return { source: unpacked(version), before: unpacked(versions[at - 1]), date, from: `npm ${PACKAGE} ${version}` };
}

function fromFile() {
  const { FROM, DATE, UPSTREAM, BEFORE } = process.env;
  if (!DATE || !UPSTREAM) throw new Error('FROM needs DATE and UPSTREAM: the day and version of the release');
  const before = BEFORE ? fs.readFileSync(BEFORE, 'utf8') : null;
  return { source: fs.readFileSync(FROM, 'utf8'), before, date: DATE, from: `libphonenumber ${UPSTREAM}` };
}

function write() {
  const { source, before, date, from } = process.env.FROM ? fromFile() : fromPackage();
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) throw new Error(`${date} is not a date such as 2026-07-16`);
  const plans = plansIn(source);
  const opened = before === null ? [] : numbersOpened(plansIn(before), plans);
  const upstream = process.env.UPSTREAM || '';
  const label = { 1002: from, 1003: upstream, 1004: date, 1005: LICENCE, 1006: opened };
  const body = Buffer.concat([encode(LABEL, label), ...[...plans.values()].map((plan) => counted(1, encode(PLAN, plan)))]);
  fs.writeFileSync(out, Buffer.concat([varint(CHECKSUM * 8 + 1), checksumOf(body), body]));
  console.log(`${path.relative('', out)}: ${from}, ${date}, ${plans.size} plans, opened last: ${opened.length} numbers`);
}

try {
  write();
} catch (error) {
  console.error(`make plans: ${error.message}`);
  process.exitCode = 1;
}
