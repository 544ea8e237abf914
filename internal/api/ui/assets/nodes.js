// The nodes of the cluster.
import { html } from "./preact.js";
import { count, duration, exact, shown } from "./format.js";

// silentAfter is how long a node may be silent before it counts as not reachable.
const silentAfter = 3000;

export function reachable(cluster, node) {
  if (node.id === cluster.node.id) return true;
  if (node.report) return true;
  return node.last_contact_ms !== undefined && node.last_contact_ms < silentAfter;
}

// Quorum says how many voters answer, and how many the cluster can lose.
export function Quorum({ cluster }) {
  const voters = cluster.nodes.filter((n) => n.voter);
  const alive = voters.filter((n) => reachable(cluster, n)).length;
  const needed = Math.floor(voters.length / 2) + 1;
  const spare = alive - needed;
  if (cluster.nodes.length > 0 && !cluster.nodes.some((n) => n.id === cluster.node.id)) {
    return html`<span class="quorum bad" role="alert">This node is no member of the cluster: it was removed, or has not joined yet. What it shows may be old. Look at the console of a member.</span>`;
  }
  if (voters.length === 0) return html`<span class="quorum bad">This node is in no cluster yet.</span>`;
  if (!cluster.leader) return html`<span class="quorum bad" role="alert">No leader: ${alive} of ${voters.length} voters answer, ${needed} are needed. No lease is granted or renewed.</span>`;
  if (spare < 0) return html`<span class="quorum bad" role="alert">Quorum lost: ${alive} of ${voters.length} voters answer.</span>`;
  return html`<span class="quorum ${spare === 0 ? "warn" : "good"}">Quorum ${alive} of ${voters.length}, ${spare === 0
    ? "can lose none" : `can lose ${spare}`}</span>`;
}

export function role(cluster, n) {
  if (n.leader) return "leader";
  if (!n.voter) return "not a voter yet";
  return "follower";
}

// NodeCards shows each node with what it says of itself.
export function NodeCards({ cluster, now, actions = () => null }) {
  const newest = Math.max(cluster.applied_index, ...cluster.nodes.map((n) => n.report?.applied_index ?? 0));
  return html`<ul class="nodes">${cluster.nodes.map((n) => {
    const self = n.id === cluster.node.id;
    const ok = reachable(cluster, n);
    const r = n.report;
    const lag = r ? newest - r.applied_index : undefined;
    return html`<li key=${n.id} class="node ${ok ? "" : "lost"}"><div class="node-title"><span class="name">${shown(n.name || n.id)}</span>
      <span class="role ${n.leader ? "leader" : ""}">${role(cluster, n)}</span>${self && html`<span class="badge" title="This page comes from this node">this node</span>`}</div>
      <dl>
        <dt>State</dt><dd>${ok ? html`<span class="good">reachable</span>` : html`<span class="bad">not reachable</span>`}${n.last_contact_ms !== undefined && !self
          ? html` <span class="muted">contact ${duration(n.last_contact_ms)} ago</span>` : ""}</dd>
        <dt>Version</dt><dd>${r?.version ?? (self ? cluster.node.version : "–")}</dd>
        <dt>Applied</dt><dd>${r ? html`${count(r.applied_index)} ${lag > 0 ? html`<span class=${lag > 1000 ? "warn" : "muted"}>${count(lag)} behind</span>` : html`<span class="muted">up to date</span>`}` : "–"}</dd>
        <dt>Disk write</dt><dd>${r ? html`<span class=${r.disk_write_ms > 500 ? "bad" : r.disk_write_ms > 100 ? "warn" : ""}>${r.disk_write_ms > 0 ? duration(r.disk_write_ms) : "below 1 ms"}</span>` : "–"}</dd>
        ${r?.tls_expires && html`<dt>TLS</dt><dd><span class=${Date.parse(r.tls_expires) - now < 14 * 86_400_000 ? "warn" : ""} title=${exact(r.tls_expires)}>expires in ${duration(Date.parse(r.tls_expires) - now)}</span></dd>`}
        <dt>Address</dt><dd class="address">${shown(n.http || "–")}</dd>
      </dl>${actions(n)}</li>`;
  })}</ul>`;
}

// consoles returns the addresses of the console of the other nodes, for when this one does not answer.
export function consoles(cluster) {
  const scheme = location.protocol;
  return cluster.nodes.filter((n) => n.id !== cluster.node.id && n.http).map((n) => ({
    name: n.name, href: `${n.http.includes("://") ? n.http : `${scheme}//${n.http}`}/ui`,
  }));
}

