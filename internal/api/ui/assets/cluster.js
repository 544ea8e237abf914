// Cluster: members, joins, removals, and transfer of leadership.
import { html, useState } from "./preact.js";
import { post } from "./api.js";
import { count, shown } from "./format.js";
import { useLoad, useNow } from "./live.js";
import { Copy, Loading, Problem } from "./parts.js";
import { NodeCards, Quorum, consoles, reachable } from "./nodes.js";
import { ConfirmDialog } from "./actions.js";

export function Cluster({ me }) {
  const now = useNow(1000);
  const cluster = useLoad("v1/cluster?reports=true", 3000);
  const [action, setAction] = useState(null);
  const [done, setDone] = useState("");
  const close = (message) => {
    setAction(null);
    if (message) setDone(message);
    cluster.reload();
  };
  const c = cluster.data;
  if (!c) return html`<h1>Cluster</h1>${cluster.problem ? html`<${Problem} problem=${cluster.problem} what="the cluster"/>` : html`<${Loading}/>`}`;
  const voters = c.nodes.filter((n) => n.voter).length;
  const actions = (n) => me.admin && c.leader && html`<div class="buttons">
    ${!n.leader && n.voter && html`<button type="button" onClick=${() => setAction({ kind: "lead", node: n })}>Make it the leader…</button>`}
    ${n.leader && voters > 1 && html`<button type="button" onClick=${() => setAction({ kind: "away", node: n })}>Transfer leadership…</button>`}
    ${c.nodes.length > 1 && html`<button type="button" class="danger" onClick=${() => setAction({ kind: "remove", node: n })}>Remove…</button>`}</div>`;
  return html`<div class="title"><h1>Cluster</h1><${Quorum} cluster=${c}/></div>
    ${cluster.problem && html`<${Problem} problem=${cluster.problem} what="the cluster"/>`}
    ${done && html`<p class="done" role="status">${done}</p>`}
    <${NodeCards} cluster=${c} now=${now} actions=${actions}/>
    <section aria-labelledby="about"><h2 id="about">About</h2><dl class="facts">
      <dt>Cluster</dt><dd><code>${c.cluster_id || "none yet"}</code></dd><dt>Leader</dt><dd>${shown(c.leader || "none")}</dd><dt>Term</dt><dd>${count(c.term)}</dd>
      <dt>Revision</dt><dd>${count(c.revision)}</dd><dt>Log</dt><dd>last index ${count(c.last_log_index)}, ${count(c.applied_index)} applied by this node</dd></dl></section>
    ${me.admin && html`<section aria-labelledby="join"><h2 id="join">Add a node</h2><p>Start it with the peer address of a member. It becomes a voter when it has caught up, and appears here.</p>
      <${Copy} label="join" text=${`lockd server --node-id NAME --tls-dir DIRECTORY --http-addr 0.0.0.0:7400 --peer-addr 0.0.0.0:7401 --join ${c.node.peer}`}/></section>`}
    ${consoles(c).length > 0 && html`<section aria-labelledby="others"><h2 id="others">Console of the other nodes</h2><ul>${consoles(c).map((n) => html`<li><a href=${n.href}>${shown(n.name)}</a></li>`)}</ul></section>`}
    ${action?.kind === "remove" && html`<${Remove} cluster=${c} node=${action.node} onClose=${close}/>`}
    ${(action?.kind === "lead" || action?.kind === "away") && html`<${TransferLeader} node=${action.node} to=${action.kind === "lead"} onClose=${close}/>`}`;
}

function Remove({ cluster, node, onClose }) {
  const rest = cluster.nodes.filter((n) => n.voter && n.id !== node.id);
  const alive = rest.filter((n) => reachable(cluster, n)).length;
  const spare = alive - (Math.floor(rest.length / 2) + 1);
  const run = async () => {
    await post("v1/cluster/remove", { id: node.id });
    return `${node.name} is removed.`;
  };
  return html`<${ConfirmDialog} title=${`Remove ${shown(node.name || node.id)}`} name=${node.name || node.id} button="Remove the node" disabled=${node.voter && spare < 0} run=${run} onClose=${onClose}>
    <p>The node is no member any more. Stop it, and start it with an empty data directory and <code>--join</code> to let it in again.</p>
    <p>${!node.voter ? "It has no vote." : html`Of the ${rest.length} voters that remain, ${alive} answer. ${spare < 0
      ? html`<b>The cluster would stop</b>: first remove the nodes that do not answer.`
      : spare === 0 ? html`<b>The cluster then survives the loss of none</b> of them.` : `The cluster then survives the loss of ${spare}.`}`}</p><//>`;
}

function TransferLeader({ node, to, onClose }) {
  const run = async () => {
    const c = await post("v1/cluster/transfer-leader", to ? { to: node.id } : {});
    return c.leader ? `${c.leader} leads.` : "Leadership is transferred.";
  };
  const title = to ? `Make ${shown(node.name)} the leader` : `Transfer leadership away from ${shown(node.name)}`;
  return html`<${ConfirmDialog} title=${title} button="Transfer leadership" danger=${false} run=${run} onClose=${onClose}>
    <p>No lease is lost. Requests wait for about as long as a round trip while leadership changes.</p><//>`;
}
