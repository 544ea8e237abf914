// A seeded random generator and mutator for fuzz tests.

const numbers = ["0", "-1", "1.5", "1e3", "1e400", "86400001", "4294967296", "9007199254740991", "9007199254740992", "18446744073709551616"];
const interesting = [
  ...numbers, "null", "true", '"x"', "[]", "{}",
  '"token":7,', '{"a":', "[[[[", "\\", '\\u0000', "\\ud800", '"', ":", ",", "}", "]", "\n", "\r\n", "\n\n", "data: ", "id: ", "event: ", "%", "%2F",
  "@", "//", "://", "[::1]", ":0", "?", "#", "é", "\u0000", "\u2028", " ", "/problems/", "__proto__", "toString", "constructor",
];

/** Random returns the same numbers for the same seed. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** Returns an integer from 0 to n-1 (mulberry32). */
  below(n) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** Returns a text after one to four random changes. */
  mutate(text, corpus) {
    for (let n = 1 + this.below(4); n > 0; n--) text = this.#change(text, corpus);
    return text;
  }

  #change(text, corpus) {
    const at = this.below(text.length + 1);
    const end = at + this.below(Math.min(text.length - at, 12) + 1);
    switch (this.below(7)) {
      case 0: return text.slice(0, at) + text.slice(end);
      case 1: return text.slice(0, at) + this.pick(interesting) + text.slice(at);
      case 2: return text.slice(0, at) + this.pick(interesting) + text.slice(end);
      case 3: return text.slice(0, end) + text.slice(at);
      case 4: return text.slice(0, at) + String.fromCharCode(this.below(128)) + text.slice(at + 1);
      case 5: return text.slice(0, at) + this.pick(corpus).slice(this.below(8));
      default: return this.#replaceNumber(text);
    }
  }

  /** Replaces one number of a JSON text: a change of a random character is seldom a number out of bounds. */
  #replaceNumber(text) {
    const found = [...text.matchAll(/\d+/g)];
    if (found.length === 0) return text;
    const { 0: old, index } = this.pick(found);
    return text.slice(0, index) + this.pick(numbers) + text.slice(index + old.length);
  }
}
