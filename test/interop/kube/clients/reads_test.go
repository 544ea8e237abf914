package clients

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
	toolswatch "k8s.io/client-go/tools/watch"
	"k8s.io/utils/ptr"

	"github.com/lockd/lockd/test/harness/nodes"
)

// leaseOf returns a Lease that is held, or free if the holder is "".
func leaseOf(name, holder string, labels map[string]string) *coordinationv1.Lease {
	l := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	if holder != "" {
		l.Spec = coordinationv1.LeaseSpec{
			HolderIdentity: &holder, LeaseDurationSeconds: ptr.To(int32(60)), RenewTime: ptr.To(metav1.NowMicro()),
		}
	}
	return l
}

// A sighting is what the handlers of an informer saw.
type sighting struct {
	mu   sync.Mutex
	seen []string
}

func (s *sighting) add(event string, object any) {
	l, ok := object.(metav1.Object)
	if !ok {
		return
	}
	holder := ""
	if lease, ok := object.(*coordinationv1.Lease); ok && lease.Spec.HolderIdentity != nil {
		holder = *lease.Spec.HolderIdentity
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, fmt.Sprintf("%s %s %s", event, l.GetName(), holder))
}

func (s *sighting) has(all ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !slices.ContainsFunc(all, func(what string) bool { return !slices.Contains(s.seen, what) })
}

// testInformer checks the cache of a shared informer, which lists by a watch with initial events, and what its handlers
// see, also of an expiry.
func testInformer(t *testing.T, cluster *nodes.Cluster, wire string) {
	ns, ctx := namespaceOf(t), within(t, 30*time.Second)
	writer := clientset(t, configFor(cluster.Nodes[0], wire)).CoordinationV1().Leases(ns)
	got(writer.Create(ctx, leaseOf("early", "a", map[string]string{"tier": "1"}), metav1.CreateOptions{}))(t)
	got(writer.Create(ctx, leaseOf("other", "a", map[string]string{"tier": "2"}), metav1.CreateOptions{}))(t)

	reader := clientset(t, configFor(cluster.Nodes[1], wire))
	factory := informers.NewSharedInformerFactoryWithOptions(reader, 0, informers.WithNamespace(ns),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = "tier=1" }))
	informer := factory.Coordination().V1().Leases()
	var seen sighting
	got(informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { seen.add("add", o) },
		UpdateFunc: func(_, o any) { seen.add("update", o) },
		DeleteFunc: func(o any) { seen.add("delete", o) },
	}))(t)
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced) {
		t.Fatal("the informer did not get the initial objects")
	}
	if l, err := informer.Lister().Leases(ns).Get("early"); err != nil || tokenOf(l) == "" {
		t.Errorf("the cache has %v, %v", l, err)
	}

	short := leaseOf("short", "b", map[string]string{"tier": "1"})
	short.Spec.LeaseDurationSeconds = ptr.To(int32(1))
	got(writer.Create(ctx, short, metav1.CreateOptions{}))(t)
	nodes.Eventually(t, "the informer sees the holder, and that it expired", func() bool { return seen.has("add short b", "update short ") })

	other := got(writer.Get(ctx, "other", metav1.GetOptions{}))(t)
	other.Labels["tier"] = "1"
	got(writer.Update(ctx, other, metav1.UpdateOptions{}))(t)
	early := got(writer.Get(ctx, "early", metav1.GetOptions{}))(t)
	early.Labels["tier"] = "2"
	got(writer.Update(ctx, early, metav1.UpdateOptions{}))(t)
	must(t, writer.Delete(ctx, "short", metav1.DeleteOptions{}))
	nodes.Eventually(t, "the informer sees what begins and ceases to be selected", func() bool {
		return seen.has("add other a", "delete early a", "delete short ")
	})
	if n := len(informer.Informer().GetStore().List()); n != 1 {
		t.Errorf("the cache has %d objects, want 1", n)
	}
	if seen.has("add early a", "update early a") && informer.Informer().LastSyncResourceVersion() == "" {
		t.Error("the informer has no resource version")
	}
}

// testLists checks lists in pages, by selectors, and with metadata only.
func testLists(t *testing.T, cluster *nodes.Cluster, wire string) {
	ns, ctx := namespaceOf(t), within(t, 30*time.Second)
	config := configFor(cluster.Nodes[2], wire)
	client := clientset(t, config).CoordinationV1().Leases(ns)
	const count = 25
	for i := range count {
		labels := map[string]string{"odd": strconv.FormatBool(i%2 == 1)}
		if i%5 == 0 {
			labels["five"] = ""
		}
		got(client.Create(ctx, leaseOf(fmt.Sprintf("l%02d", i), "", labels), metav1.CreateOptions{}))(t)
	}
	first := got(client.List(ctx, metav1.ListOptions{Limit: 10}))(t)
	if len(first.Items) != 10 || first.Continue == "" || first.ResourceVersion == "" {
		t.Errorf("the first page has %d items, continue %q", len(first.Items), first.Continue)
	}
	pages := pager.New(pager.SimplePageFunc(func(o metav1.ListOptions) (runtime.Object, error) { return client.List(ctx, o) }))
	pages.PageSize = 4
	var names []string
	must(t, pages.EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		names = append(names, o.(metav1.Object).GetName())
		return nil
	}))
	if len(names) != count || !slices.IsSorted(names) {
		t.Errorf("the pages have %v", names)
	}
	for selector, want := range map[string]int{"odd=true": 12, "odd!=true": 13, "odd in (true,false)": 25, "five": 5, "!five": 20, "five,odd=true": 2, "odd notin (true)": 13} {
		if l := got(client.List(ctx, metav1.ListOptions{LabelSelector: selector}))(t); len(l.Items) != want {
			t.Errorf("%s: %d, want %d", selector, len(l.Items), want)
		}
	}
	for selector, want := range map[string]int{"metadata.name=l03": 1, "metadata.name!=l03": 24, "metadata.namespace=" + ns: 25} {
		if l := got(client.List(ctx, metav1.ListOptions{FieldSelector: selector}))(t); len(l.Items) != want {
			t.Errorf("%s: %d, want %d", selector, len(l.Items), want)
		}
	}
	if _, err := client.List(ctx, metav1.ListOptions{FieldSelector: "spec.holderIdentity=a"}); !apierrors.IsBadRequest(err) {
		t.Errorf("an unknown field: %v", err)
	}
	partial := got(metadata.NewForConfigOrDie(configFor(cluster.Nodes[0], jsonWire)).Resource(leasesResource).Namespace(ns).List(ctx, metav1.ListOptions{}))(t)
	if len(partial.Items) != count || partial.Items[0].Labels["odd"] == "" {
		t.Errorf("metadata: %d items", len(partial.Items))
	}

	must(t, client.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "odd=true"}))
	if l := got(client.List(ctx, metav1.ListOptions{}))(t); len(l.Items) != 13 {
		t.Errorf("%d are left after a deletecollection, want 13", len(l.Items))
	}
}

var leasesResource = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}

// testWatches checks watches from a version, of one object, and one that goes on at another node.
func testWatches(t *testing.T, cluster *nodes.Cluster, wire string) {
	ns, ctx := namespaceOf(t), within(t, 30*time.Second)
	client := clientset(t, configFor(cluster.Nodes[0], wire)).CoordinationV1().Leases(ns)
	made := got(client.Create(ctx, leaseOf("w", "a", nil), metav1.CreateOptions{}))(t)
	got(client.Patch(ctx, "w", types.MergePatchType, []byte(`{"metadata":{"labels":{"n":"1"}}}`), metav1.PatchOptions{}))(t)
	got(client.Patch(ctx, "w", types.MergePatchType, []byte(`{"spec":{"holderIdentity":null}}`), metav1.PatchOptions{}))(t)

	for i, n := range cluster.Nodes { // each node has the same versions
		w := got(clientset(t, configFor(n, wire)).CoordinationV1().Leases(ns).
			Watch(ctx, metav1.ListOptions{ResourceVersion: made.ResourceVersion, FieldSelector: "metadata.name=w", TimeoutSeconds: ptr.To(int64(20))}))(t)
		for _, want := range []string{"a", ""} {
			e := <-w.ResultChan()
			l, ok := e.Object.(*coordinationv1.Lease)
			if !ok || e.Type != watch.Modified || ptr.Deref(l.Spec.HolderIdentity, "") != want {
				t.Fatalf("node %d: %s %+v, want the holder %q", i, e.Type, e.Object, want)
			}
		}
		w.Stop()
	}

	// A watch that ends and begins again misses nothing.
	watcher := got(toolswatch.NewRetryWatcherWithContext(ctx, made.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.TimeoutSeconds = ptr.To(int64(1))
			return client.Watch(ctx, o)
		},
	}))(t)
	go func() {
		for i := range 5 {
			_, _ = client.Patch(ctx, "w", types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"labels":{"n":"%d"}}}`, i+2), metav1.PatchOptions{})
			time.Sleep(400 * time.Millisecond)
		}
	}()
	for label := 0; label != 6; {
		e, ok := <-watcher.ResultChan()
		l, isLease := e.Object.(*coordinationv1.Lease)
		if !ok || !isLease {
			t.Fatalf("the watch ended: %+v", e)
		}
		n, _ := strconv.Atoi(l.Labels["n"])
		if n != label && n != label+1 {
			t.Fatalf("the label %d after %d", n, label)
		}
		label = n
	}

	must(t, clientset(t, configFor(cluster.Nodes[0], wire)).CoordinationV1().Leases(ns).Delete(ctx, "w", metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &made.UID},
	}))
}

// testDynamic checks the dynamic client, which has no types.
func testDynamic(t *testing.T, cluster *nodes.Cluster, _ string) {
	ns, ctx := namespaceOf(t), within(t, 30*time.Second)
	all := got(dynamic.NewForConfig(configFor(cluster.Nodes[1], jsonWire)))(t).Resource(leasesResource)
	client := all.Namespace(ns)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": map[string]any{"generateName": "d-"},
		"spec": map[string]any{"holderIdentity": "a", "leaseDurationSeconds": int64(30)},
	}}
	made := got(client.Create(ctx, object, metav1.CreateOptions{}))(t)
	if tokenOf(made) == "" || made.GetName() == "d-" {
		t.Errorf("created %v", made)
	}
	must(t, unstructured.SetNestedField(made.Object, int64(31), "spec", "leaseDurationSeconds"))
	updated := got(client.Update(ctx, made, metav1.UpdateOptions{}))(t)
	if updated.GetResourceVersion() == made.GetResourceVersion() || tokenOf(updated) != tokenOf(made) {
		t.Errorf("updated %v", updated)
	}
	if l := got(all.List(ctx, metav1.ListOptions{FieldSelector: "metadata.namespace=" + ns}))(t); len(l.Items) != 1 || l.Items[0].GetKind() != "Lease" {
		t.Errorf("all namespaces: %v", l.Items)
	}
	// An informer that cannot ask for initial events, as those of older clients: it lists, and then watches.
	informer := cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return client.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return client.Watch(ctx, o)
		},
	}, new(unstructured.Unstructured), 0, nil)
	go informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) || len(informer.GetStore().List()) != 1 {
		t.Errorf("the informer has %v", informer.GetStore().List())
	}
	must(t, client.Delete(ctx, made.GetName(), metav1.DeleteOptions{}))
	nodes.Eventually(t, "the informer sees the deletion", func() bool { return len(informer.GetStore().List()) == 0 })
}
