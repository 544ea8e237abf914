package table

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/lockd/lockd/internal/kube/resource"
)

func TestEncodedListIsTheList(t *testing.T) {
	object := func(name string) map[string]any {
		return map[string]any{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": map[string]any{"name": name}, "spec": map[string]any{"holderIdentity": "a"}}
	}
	options := Options{Include: IncludeMetadata, Now: time.Unix(0, 0)}
	for _, form := range []Form{{}, {Pretty: true}, {Kind: Table, Version: "v1"}, {Kind: PartialList, Version: "v1"}} {
		for count := range 3 {
			all := []map[string]any{object("x"), object("y")}[:count]
			meta := map[string]any{"resourceVersion": "7", "continue": "c"}
			want, _ := form.List(resource.Leases(), meta, all, options)
			e, refused := form.Encoder(resource.Leases(), options)
			if refused != nil {
				t.Fatal(refused)
			}
			for _, o := range all {
				e.Add(o)
			}
			var got, wanted any
			text, _ := json.Marshal(want)
			_ = json.Unmarshal(text, &wanted)
			if err := json.Unmarshal(e.List(meta), &got); err != nil || !reflect.DeepEqual(got, wanted) {
				t.Errorf("%+v of %d: %v, %v; want %v", form, count, got, err, wanted)
			}
		}
	}
	if _, refused := (Form{Kind: Partial, Version: "v1"}).Encoder(resource.Leases(), options); refused == nil {
		t.Error("the form of one object is not refused")
	}
}
