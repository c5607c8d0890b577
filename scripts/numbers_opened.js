// Which numbers opened between two states of the numbering plans: a few of each plan that changed. Patterns of the
// metadata are made of digits, classes, groups, alternatives and counts.
'use strict';

const TYPES = [2, 3, 4, 5, 6, 7, 8, 21, 25, 28]; // fields of PhoneMetadata
const MAXIMUM = 32; // numbers
const TRIES = 60; // for each pattern

// The same choices in each run: the file does not change when nothing did.
let seed = 1;
function choose(count) {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return Math.floor((seed / 2147483648) * count);
}

// A number that matches the pattern, as a rule: callers test it.
function numberLike(pattern) {
  let at = 0;
  const counts = () => {
    const count = /^(?:\?|\{(\d+)(?:,(\d+))?\})/.exec(pattern.slice(at));
    if (count === null) return 1;
    at += count[0].length;
    const least = count[0] === '?' ? 0 : Number(count[1]);
    const most = count[0] === '?' ? 1 : Number(count[2] ?? count[1]);
    return least + choose(most - least + 1);
  };
  const digitsOf = (set) =>
    '0123456789'.split('').filter((digit) => new RegExp(`[${set}]`).test(digit));
  const atom = () => {
    const start = at;
    if (pattern.startsWith('(?:', at) || pattern[at] === '(') {
      at += pattern.startsWith('(?:', at) ? 3 : 1;
      const text = alternatives();
      at += 1;
      return text;
    }
    if (pattern[at] === '[') {
      at = pattern.indexOf(']', at) + 1;
      const digits = digitsOf(pattern.slice(start + 1, at - 1));
      return digits[choose(digits.length)];
    }
    at += pattern[at] === '\\' ? 2 : 1;
    return pattern[start] === '\\' ? String(choose(10)) : pattern[start];
  };
  const sequence = () => {
    let text = '';
    while (at < pattern.length && pattern[at] !== '|' && pattern[at] !== ')') {
      const start = at;
      let piece = atom();
      const end = at;
      const count = counts();
      const after = at;
      for (let done = 0; done < count; done += 1) {
        text += piece;
        at = start;
        piece = atom();
      }
      at = Math.max(after, end);
    }
    return text;
  };
  const alternatives = () => {
    const found = [sequence()];
    while (pattern[at] === '|') {
      at += 1;
      found.push(sequence());
    }
    return found[choose(found.length)];
  };
  return alternatives();
}

const matches = (numbers, national) =>
  Boolean(numbers?.[2]) &&
  new RegExp(`^(?:${numbers[2]})$`).test(national) &&
  (!numbers[9] || numbers[9].includes(national.length));

const inUse = (plan, national) =>
  new RegExp(`^(?:${plan[1][2]})$`).test(national) && TYPES.some((type) => matches(plan[type], national));

function openedIn(code, before, after, sharing) {
  for (const type of TYPES) {
    const pattern = after[type]?.[2];
    if (!pattern || pattern === before[type]?.[2]) continue;
    for (let tried = 0; tried < TRIES; tried += 1) {
      const national = numberLike(pattern);
      if (inUse(after, national) && !sharing.some((plan) => inUse(plan, national))) return [`+${code}${national}`];
    }
  }
  return [];
}

// E.164 numbers that are in use by `after` and were nobody's in `before`, one of each plan that changed.
function numbersOpened(before, after) {
  const found = [];
  for (const [name, plan] of after) {
    const sharing = [...before.values()].filter((other) => other[10] === plan[10]);
    if (before.has(name)) found.push(...openedIn(plan[10], before.get(name), plan, sharing));
  }
  return found.slice(0, MAXIMUM);
}

module.exports = { numbersOpened };
