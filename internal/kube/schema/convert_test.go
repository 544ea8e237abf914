package schema

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestEventsAreConvertedBackAndForth(t *testing.T) {
	core := decodeJSON(t, CoreEvent, `{"metadata":{"name":"e"},"involvedObject":{"name":"web"},"message":"m","count":2,"reportingComponent":"c","reason":"r"}`)
	want := decodeJSON(t, Event, `{"metadata":{"name":"e"},"regarding":{"name":"web"},"note":"m","deprecatedCount":2,"reportingController":"c","reason":"r"}`)
	if got := ConvertEvent(core, Event); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		event, _, err := CoreEvent.Conform(conforming(CoreEvent.Object, 3).Draw(t, "event"))
		if err != nil {
			t.Fatal(err)
		}
		event["kind"], event["apiVersion"] = "Event", "v1"
		if series, ok := event["series"].(map[string]any); ok && series["count"] == nil {
			series["count"] = int64(1) // the other version always has a count
		}
		if again := ConvertEvent(ConvertEvent(event, Event), CoreEvent); !reflect.DeepEqual(again, event) {
			t.Fatalf("%v, then %v", event, again)
		}
	})
}
