// The names of leases: see NameRule in internal/fsm/name.go.

const maxName = 200; // characters
const maxObjectName = 321; // of the lease of a Kubernetes Lease
const rule = "1 to 200 of A-Z a-z 0-9 . _ : - /, and begin with a letter or a digit, also after each /";

const isPath = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._:-]*(?:\/[A-Za-z0-9][A-Za-z0-9._:-]*)*$/.test(text);
const isShort = (text: string): boolean => text.length <= (text.startsWith("k8s/") ? maxObjectName : maxName);
const isName = (text: string): boolean => isShort(text) && isPath(text);

/** Checks the name of a lease. Throws TypeError. Values are not converted, since 7 and "7" would be the same lease. */
export function checkName(name: unknown): void {
  if (typeof name !== "string") throw new TypeError(`the name of a lease must be a string, not ${kindOf(name)}`);
  if (!isName(name)) throw new TypeError(`the name ${JSON.stringify(name)} is not valid: it must have ${rule}`);
}

/** Checks a prefix of names; "" is a prefix of all. Throws TypeError. */
export function checkPrefix(prefix: unknown): void {
  if (typeof prefix !== "string") throw new TypeError(`the prefix of names must be a string, not ${kindOf(prefix)}`);
  if (prefix !== "" && !(isShort(prefix) && isPath(`${prefix}a`))) {
    throw new TypeError(`the prefix ${JSON.stringify(prefix)} is not valid: names have ${rule}`);
  }
}

/** Converts a name as the browsers' Web Locks do. Throws for a name that no lease can have. */
export function lockName(raw: unknown): string {
  if (typeof raw === "symbol") throw new TypeError("the name of a lock must be a string, not a symbol");
  const name = String(raw);
  if (/\p{Surrogate}/u.test(name)) throw new TypeError(`the name ${JSON.stringify(name)} has an unpaired surrogate`);
  if (!isName(name)) {
    throw new DOMException(`the name ${JSON.stringify(name)} is not supported: a name must have ${rule}`, "NotSupportedError");
  }
  return name;
}

const kindOf = (value: unknown): string => (value === null ? "null" : typeof value);
