// Tests lockd with the Kubernetes client of Node: node interop.mjs URL...
// It has no elector, so the candidates have the loop that its users write: two of them elect, the leading one stops, and
// the other one takes over.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { CoordinationV1Api, CoreV1Api, KubeConfig, KubernetesObjectApi, makeInformer, V1MicroTime, Watch } from '@kubernetes/client-node';

const namespace = 'node';
const duration = 3, retry = 500;
const token = (lease) => Number(lease.metadata.annotations['lockd.io/fencing-token']);

// configFor returns what `lockd kubeconfig` has: the client refuses http addresses without skipTLSVerify.
function configFor(url) {
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'lockd', server: url, skipTLSVerify: true }, { name: 'lockd' });
  return config;
}

const lease = (name, holder, labels) => ({
  metadata: { name, namespace, labels },
  spec: { holderIdentity: holder, leaseDurationSeconds: 60, renewTime: new V1MicroTime() },
});

async function refused(code, call) {
  await assert.rejects(call, (e) => {
    assert.equal(e.code, code, String(e));
    return true;
  });
}

async function eventually(what, ok) {
  for (const end = Date.now() + 30_000; !ok(); await sleep(10)) assert.ok(Date.now() < end, `timed out waiting until ${what}`);
}

// elect holds a Lease until a signal stops it, and calls leading with each Lease that it gets.
async function elect(api, name, holder, stop, leading) {
  let observed, since = 0, mine = false;
  for (; !stop.aborted; await sleep(retry)) {
    try {
      const now = new V1MicroTime();
      const spec = { holderIdentity: holder, leaseDurationSeconds: duration, renewTime: now, acquireTime: now };
      let current = await api.readNamespacedLease({ name, namespace }).catch((e) => (e.code === 404 ? undefined : Promise.reject(e)));
      if (!current) {
        current = await api.createNamespacedLease({ namespace, body: { metadata: { name }, spec } });
      } else {
        if (current.metadata.resourceVersion !== observed) [observed, since] = [current.metadata.resourceVersion, Date.now()];
        const other = current.spec.holderIdentity && current.spec.holderIdentity !== holder;
        if (other && Date.now() < since + duration * 1000) { mine = false; continue; }
        current = await api.replaceNamespacedLease({ name, namespace, body: { ...current, spec: { ...current.spec, ...spec } } });
        observed = current.metadata.resourceVersion;
      }
      if (!mine) leading(current);
      mine = true;
    } catch (e) {
      if (e.code !== 409) throw e;
      mine = false;
    }
  }
}

async function testElection(urls) {
  const leaders = [];
  const stops = [new AbortController(), new AbortController()];
  const candidates = stops.map((stop, i) =>
    elect(configFor(urls[i % urls.length]).makeApiClient(CoordinationV1Api), 'election', `candidate-${i}`, stop.signal, (l) =>
      leaders.push({ i, at: Date.now(), token: token(l) })));
  await eventually('a candidate leads', () => leaders.length === 1);
  await sleep(duration * 1000);
  assert.equal(leaders.length, 1);
  const killed = Date.now();
  stops[leaders[0].i].abort();
  await eventually('the other candidate leads', () => leaders.length === 2);
  const took = (leaders[1].at - killed) / 1000;
  console.log(`node: takeover after a stop without release: ${took.toFixed(2)} s (lease of ${duration} s)`);
  assert.ok(leaders[1].i !== leaders[0].i && leaders[1].token > leaders[0].token && took < duration + 2, JSON.stringify(leaders));
  stops.forEach((s) => s.abort());
  await Promise.all(candidates);
}

async function testObjects(urls) {
  const api = configFor(urls[0]).makeApiClient(CoordinationV1Api);
  const other = configFor(urls[1 % urls.length]);
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const seen = [];
  const informer = makeInformer(other, path, () => other.makeApiClient(CoordinationV1Api).listNamespacedLease({ namespace, labelSelector: 'app=x' }), 'app=x');
  for (const event of ['add', 'update', 'delete']) informer.on(event, (l) => seen.push(`${event} ${l.metadata.name} ${l.spec.holderIdentity ?? ''}`));
  informer.on('error', (e) => { seen.push(String(e)); });
  await informer.start();

  await refused(404, () => api.readNamespacedLease({ name: 'crud', namespace }));
  const made = await api.createNamespacedLease({ namespace, body: lease('crud', 'a', { app: 'x' }) });
  await refused(409, () => api.createNamespacedLease({ namespace, body: lease('crud', 'a') }));
  await refused(409, () => api.replaceNamespacedLease({ name: 'crud', namespace, body: { ...made, spec: { ...made.spec, holderIdentity: 'b' } } }));
  await api.patchNamespacedLease({ name: 'crud', namespace, body: [{ op: 'replace', path: '/spec/holderIdentity', value: '' }] });
  const free = await api.readNamespacedLease({ name: 'crud', namespace });
  free.spec.holderIdentity = 'b';
  const taken = await api.replaceNamespacedLease({ name: 'crud', namespace, body: free });
  assert.ok(token(taken) > token(made));
  await refused(409, () => api.replaceNamespacedLease({ name: 'crud', namespace, body: free }));
  await refused(422, () => api.createNamespacedLease({ namespace, body: { metadata: { name: 'bad' }, spec: { leaseDurationSeconds: -1 } } }));
  assert.equal((await api.listNamespacedLease({ namespace, labelSelector: 'app=x' })).items.length, 1);
  assert.ok((await api.listLeaseForAllNamespaces()).items.some((l) => l.metadata.name === 'crud'));

  const objects = KubernetesObjectApi.makeApiClient(configFor(urls[2 % urls.length]));
  const generic = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'generic', namespace }, spec: { holderIdentity: 'c', leaseDurationSeconds: 60 } };
  await objects.create(generic);
  await objects.patch({ ...generic, metadata: { ...generic.metadata, labels: { tier: '1' } } });
  assert.equal((await objects.read(generic)).metadata.labels.tier, '1');

  // A watch from a version has what changed since.
  const frames = [];
  const watch = await new Watch(other).watch(path, { resourceVersion: made.metadata.resourceVersion, fieldSelector: 'metadata.name=crud' },
    (type, l) => frames.push(`${type} ${l.spec.holderIdentity}`), () => {});
  await api.deleteNamespacedLease({ name: 'crud', namespace });
  await eventually('the watch ends with the deletion', () => frames.at(-1) === 'DELETED b');
  watch.abort();
  assert.deepEqual(frames, ['MODIFIED ', 'MODIFIED b', 'DELETED b']);
  await eventually('the informer sees all', () => seen.includes('delete crud b'));
  assert.deepEqual(seen, ['add crud a', 'update crud ', 'update crud b', 'delete crud b']);
  await informer.stop();

  const events = await configFor(urls[0]).makeApiClient(CoreV1Api).listNamespacedEvent({ namespace, fieldSelector: 'involvedObject.name=generic' });
  assert.deepEqual(events.items.map((e) => e.reason), ['Acquired']);
  await objects.delete(generic);
}

const urls = process.argv.slice(2);
await Promise.all([testElection(urls), testObjects(urls)]);
process.exit(0); // the client keeps connections
