'use strict';
// How a Node program tells `clients.py` what it found; the lines are described there.

const assert = require('node:assert/strict');
const readline = require('node:readline');

const CHECK_MS_MAX = 60_000;
const WAIT_MS_MAX = 20_000;

const checks = [];
const input = readline.createInterface({ input: process.stdin });
const answers = input[Symbol.asyncIterator]();

/** Registers a check; in the order of definition. */
function check(topic, sentence, run) {
  checks.push({ topic, sentence, run });
}

/** Resolves when the broker was killed and is there again. */
async function restart() {
  console.log('? restart');
  assert.equal((await answers.next()).value, 'done');
}

const pause = (time_ms) => new Promise((resolve) => setTimeout(resolve, time_ms));

async function waitFor(condition, what) {
  const deadline = Date.now() + WAIT_MS_MAX;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited ${WAIT_MS_MAX} ms for ${what}`);
    await pause(20);
  }
}

function within(promise, time_ms) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in ${time_ms} ms`)), time_ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Runs the checks with the address from the command line, and ends the process. */
async function run() {
  const uri = process.argv[2];
  const without = (process.env.INTEROP_WITHOUT ?? '').split(',');
  let failed = 0;
  for (const { topic, sentence, run: body } of checks) {
    if (without.includes(topic)) {
      console.log(`-- ${topic} ${sentence}: not asked for`);
      continue;
    }
    try {
      await within(body(uri), CHECK_MS_MAX);
      console.log(`ok ${topic} ${sentence}`);
    } catch (fault) {
      // Whatever a check dies of, the others still run.
      failed += 1;
      console.log([`FAILED ${topic} ${sentence}`, ...String(fault.stack).split('\n')].join('\n    '));
    }
  }
  process.exit(failed ? 1 : 0);
}

module.exports = { check, pause, restart, run, waitFor };
