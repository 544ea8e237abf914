// What the caller may do, by the answer of GET /v1/auth. The node checks each request again: here it decides only which
// actions are shown.
import { token } from "./api.js";

const order = ["read", "acquire", "operate"];

export class Rights {
  constructor(auth) {
    this.mode = auth.mode;
    this.principal = auth.principal ?? "";
    this.open = auth.mode === "off" || auth.by === "socket";
    this.rules = (auth.rules ?? []).map((text) => {
      const [right, scope = ""] = text.split(/:(.*)/s);
      return { right, scope };
    });
    this.signedIn = token.get() !== "";
    this.text = this.rules.length > 0 ? `Rules: ${(auth.rules ?? []).join(", ")}` : "No rules";
  }

  get admin() { return this.open || this.rules.some((r) => r.right === "admin"); }

  // audits reports whether the caller may read the audit log, which always needs a credential.
  get audits() { return this.mode !== "off" && this.rules.some((r) => r.right === "admin"); }

  // reads reports whether the caller may read any lease.
  get reads() { return this.admin || this.rules.some((r) => order.includes(r.right)); }

  // allows reports whether the caller has a right on a lease.
  allows(right, name) {
    if (this.admin) return true;
    return this.rules.some((r) => order.indexOf(r.right) >= order.indexOf(right) && covers(r.scope, name));
  }

  operates(name) { return this.allows("operate", name); }
}

// covers reports whether a scope has a lease: the scope is *, a name, or a prefix that ends in a separator.
function covers(scope, name) {
  return scope === "*" || scope === name || (/[.:/_-]$/.test(scope) && name.startsWith(scope));
}
