package clients

import (
	"fmt"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applycoordination "k8s.io/client-go/applyconfigurations/coordination/v1"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"

	"github.com/lockd/lockd/test/harness/nodes"
)

// testWrites checks the errors of writes as client-go recognizes them, dry runs, and deletes with preconditions.
func testWrites(t *testing.T, cluster *nodes.Cluster, wire string) {
	ns, ctx := namespaceOf(t), within(t, 30*time.Second)
	client := clientset(t, configFor(cluster.Nodes[1], wire)).CoordinationV1().Leases(ns)
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

	if _, err := client.Get(ctx, "demo", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("get of none: %v", err)
	}
	if l := got(client.Create(ctx, leaseOf("demo", "a", nil), dry))(t); l.Name != "demo" || tokenOf(l) != "" {
		t.Errorf("the dry run returned %+v", l)
	}
	if _, err := client.Get(ctx, "demo", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a dry run stored a Lease: %v", err)
	}
	made := got(client.Create(ctx, leaseOf("demo", "a", nil), metav1.CreateOptions{}))(t)
	if made.UID == "" || made.CreationTimestamp.IsZero() || tokenOf(made) == "" {
		t.Errorf("created %+v", made)
	}
	if _, err := client.Create(ctx, leaseOf("demo", "a", nil), metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("a second create: %v", err)
	}
	bad := leaseOf("bad", "a", nil)
	bad.Spec.LeaseDurationSeconds = ptr.To(int32(-1))
	if _, err := client.Create(ctx, bad, metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("a negative duration: %v", err)
	}
	long := leaseOf("long", "a", nil)
	long.Annotations = map[string]string{"a": strings.Repeat("a", 20_000)}
	if _, err := client.Create(ctx, long, metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("an annotation of 20 kB: %v", err)
	}

	renewed := made.DeepCopy()
	renewed.Spec.RenewTime = ptr.To(metav1.NowMicro())
	second := got(client.Update(ctx, renewed, metav1.UpdateOptions{}))(t)
	if tokenOf(second) != tokenOf(made) || second.ResourceVersion == made.ResourceVersion {
		t.Errorf("a renewal: %+v", second)
	}
	if _, err := client.Update(ctx, renewed, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("an update of an old version: %v", err)
	}
	stolen := second.DeepCopy()
	stolen.Spec.HolderIdentity = ptr.To("b")
	if _, err := client.Update(ctx, stolen, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("another holder while the lease is held: %v", err)
	}
	free := second.DeepCopy()
	free.Spec.HolderIdentity = ptr.To("")
	freed := got(client.Update(ctx, free, metav1.UpdateOptions{}))(t)
	freed.Spec.HolderIdentity = ptr.To("b")
	taken := got(client.Update(ctx, freed, metav1.UpdateOptions{}))(t)
	if tokenOf(taken) == tokenOf(made) || tokenOf(taken) == "" {
		t.Errorf("another holder after a release has the token %q", tokenOf(taken))
	}

	// Two clients that count by optimistic updates lose no update.
	done := make(chan error)
	for i := range 2 {
		mine := clientset(t, configFor(cluster.Nodes[i], wire)).CoordinationV1().Leases(ns)
		go func() {
			var err error
			for range 10 {
				if err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
					l, err := mine.Get(ctx, "demo", metav1.GetOptions{})
					if err != nil {
						return err
					}
					l.Spec.LeaseTransitions = ptr.To(ptr.Deref(l.Spec.LeaseTransitions, 0) + 1)
					_, err = mine.Update(ctx, l, metav1.UpdateOptions{})
					return err
				}); err != nil {
					break
				}
			}
			done <- err
		}()
	}
	must(t, <-done)
	must(t, <-done)
	if l := got(client.Get(ctx, "demo", metav1.GetOptions{}))(t); *l.Spec.LeaseTransitions != 20 {
		t.Errorf("%d updates, want 20", *l.Spec.LeaseTransitions)
	}

	for name, p := range map[string]*metav1.Preconditions{
		"uid": {UID: ptr.To(types.UID("another"))}, "version": {ResourceVersion: ptr.To(made.ResourceVersion)},
	} {
		if err := client.Delete(ctx, "demo", metav1.DeleteOptions{Preconditions: p}); !apierrors.IsConflict(err) {
			t.Errorf("a delete with another %s: %v", name, err)
		}
	}
	must(t, client.Delete(ctx, "demo", metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}))
	last := got(client.Get(ctx, "demo", metav1.GetOptions{}))(t)
	must(t, client.Delete(ctx, "demo", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &made.UID, ResourceVersion: &last.ResourceVersion}}))
	if err := client.Delete(ctx, "demo", metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a second delete: %v", err)
	}
}

// testApply checks server-side apply: owners, conflicts, force, and fields that are no longer stated.
func testApply(t *testing.T, cluster *nodes.Cluster, wire string) {
	ns, ctx := namespaceOf(t), within(t, 30*time.Second)
	client := clientset(t, configFor(cluster.Nodes[2], wire)).CoordinationV1().Leases(ns)
	desired := func(seconds int32) *applycoordination.LeaseApplyConfiguration {
		return applycoordination.Lease("demo", ns).WithLabels(map[string]string{"app": "web"}).
			WithSpec(applycoordination.LeaseSpec().WithHolderIdentity("a").WithLeaseDurationSeconds(seconds))
	}
	first := metav1.ApplyOptions{FieldManager: "first"}
	made := got(client.Apply(ctx, desired(30), first))(t)
	again := got(client.Apply(ctx, desired(30), first))(t)
	if made.ResourceVersion != again.ResourceVersion || tokenOf(made) == "" {
		t.Errorf("the same apply twice: %s, %s", made.ResourceVersion, again.ResourceVersion)
	}
	second := metav1.ApplyOptions{FieldManager: "second"}
	if _, err := client.Apply(ctx, desired(40), second); !apierrors.IsConflict(err) ||
		!apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict) {
		t.Errorf("a field of another manager: %v", err)
	}
	second.Force = true
	if l := got(client.Apply(ctx, desired(40), second))(t); *l.Spec.LeaseDurationSeconds != 40 || len(l.ManagedFields) != 2 {
		t.Errorf("forced: %+v", l)
	}
	mine := got(applycoordination.ExtractLease(got(client.Get(ctx, "demo", metav1.GetOptions{}))(t), "first"))(t)
	if mine.Spec.LeaseDurationSeconds != nil || mine.Spec.HolderIdentity == nil {
		t.Errorf("the first manager owns %+v", mine.Spec)
	}
	// What its only owner does not state any more is removed.
	bare := applycoordination.Lease("demo", ns).WithSpec(applycoordination.LeaseSpec().WithHolderIdentity("a").WithLeaseDurationSeconds(40))
	got(client.Apply(ctx, bare, first))(t)
	if l := got(client.Apply(ctx, bare, second))(t); len(l.Labels) != 0 {
		t.Errorf("the label is left: %+v", l.Labels)
	}
	other := applycoordination.Lease("demo", ns).WithSpec(applycoordination.LeaseSpec().WithHolderIdentity("b"))
	if _, err := client.Apply(ctx, other, metav1.ApplyOptions{FieldManager: "third", Force: true}); !apierrors.IsConflict(err) {
		t.Errorf("another holder by force while the lease is held: %v", err)
	}
}

// testPatches checks the types of patches.
func testPatches(t *testing.T, cluster *nodes.Cluster, wire string) {
	ns, ctx := namespaceOf(t), within(t, 30*time.Second)
	client := clientset(t, configFor(cluster.Nodes[0], wire)).CoordinationV1().Leases(ns)
	made := got(client.Create(ctx, leaseOf("demo", "a", map[string]string{"a": "1"}), metav1.CreateOptions{}))(t)
	for _, p := range []struct {
		kind types.PatchType
		body string
	}{
		{types.MergePatchType, `{"metadata":{"labels":{"b":"2"}}}`},
		{types.StrategicMergePatchType, `{"metadata":{"labels":{"c":"3","a":null}}}`},
		{types.JSONPatchType, `[{"op":"test","path":"/metadata/labels/c","value":"3"},{"op":"add","path":"/metadata/labels/d","value":"4"}]`},
		{types.ApplyPatchType, `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"demo","labels":{"e":"5"}}}`},
	} {
		options := metav1.PatchOptions{FieldManager: "test"}
		got(client.Patch(ctx, "demo", p.kind, []byte(p.body), options))(t)
	}
	l := got(client.Get(ctx, "demo", metav1.GetOptions{}))(t)
	if fmt.Sprint(l.Labels) != "map[b:2 c:3 d:4 e:5]" || tokenOf(l) != tokenOf(made) {
		t.Errorf("the labels are %v", l.Labels)
	}
	if _, err := client.Patch(ctx, "demo", types.JSONPatchType, []byte(`[{"op":"test","path":"/metadata/labels/c","value":"9"}]`), metav1.PatchOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("a test that fails: %v", err)
	}
	stale := fmt.Sprintf(`{"metadata":{"resourceVersion":%q,"labels":{"f":"6"}}}`, made.ResourceVersion)
	if _, err := client.Patch(ctx, "demo", types.MergePatchType, []byte(stale), metav1.PatchOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("a patch of an old version: %v", err)
	}
	if _, err := client.Patch(ctx, "none", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a patch of none: %v", err)
	}
}

// testEvents checks the recorders of both versions of Events, and the Events that lockd itself makes.
func testEvents(t *testing.T, cluster *nodes.Cluster, wire string) {
	ns, ctx := namespaceOf(t), within(t, 30*time.Second)
	client := clientset(t, configFor(cluster.Nodes[1], wire))
	about := got(client.CoordinationV1().Leases(ns).Create(ctx, leaseOf("demo", "a", nil), metav1.CreateOptions{}))(t)
	about.SetGroupVersionKind(coordinationv1.SchemeGroupVersion.WithKind("Lease"))

	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: client.CoreV1().Events(ns)})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "test"})
	for range 3 { // the recorder counts them by a patch
		recorder.Event(about, corev1.EventTypeNormal, "LeaderElection", "a became leader")
	}
	newer := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	must(t, newer.StartRecordingToSinkWithContext(ctx))
	for range 2 {
		newer.NewRecorder(scheme.Scheme, "test.lockd.io/controller").
			Eventf(about, nil, corev1.EventTypeWarning, "Slow", "Renewing", "it took %d s", 3)
	}
	nodes.Eventually(t, "the Events of both recorders are stored", func() bool {
		list, err := client.CoreV1().Events(ns).SearchWithContext(ctx, scheme.Scheme, about)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]int32{}
		for _, e := range list.Items {
			found[e.Reason] = max(e.Count, 1)
			if e.Series != nil {
				found[e.Reason] = e.Series.Count
			}
		}
		return found["LeaderElection"] == 3 && found["Slow"] == 2 && found["Acquired"] == 1
	})
	both := got(client.EventsV1().Events(ns).List(ctx, metav1.ListOptions{FieldSelector: "reason=LeaderElection"}))(t)
	if len(both.Items) != 1 || both.Items[0].Note != "a became leader" || both.Items[0].Regarding.Name != "demo" || both.Items[0].DeprecatedCount != 3 {
		t.Errorf("in the newer version: %+v", both.Items)
	}
	if old := got(client.CoreV1().Events("").List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.namespace=" + ns + ",type=Warning"}))(t); len(old.Items) != 1 || old.Items[0].Message != "it took 3 s" {
		t.Errorf("warnings in the older version: %+v", old.Items)
	}
}
