package status

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/lockd/lockd/internal/kube/resource"
)

func TestStatusesAreThoseOfKubernetes(t *testing.T) {
	lease := resource.Leases()
	causes := []Cause{{Reason: "FieldValueInvalid", Message: "Invalid value: 0: must be greater than 0", Field: "spec.leaseDurationSeconds"}}
	for _, tt := range []struct {
		status *Status
		want   string
	}{
		{NotFound(lease, "none"), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"leases.coordination.k8s.io \"none\" not found","reason":"NotFound","details":{"name":"none","group":"coordination.k8s.io","kind":"leases"},"code":404}`},
		{NotFound(resource.CoreEvents(), "x"), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"events \"x\" not found","reason":"NotFound","details":{"name":"x","kind":"events"},"code":404}`},
		{Conflict(lease, "x", Modified), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Operation cannot be fulfilled on leases.coordination.k8s.io \"x\": the object has been modified; please apply your changes to the latest version and try again","reason":"Conflict","details":{"name":"x","group":"coordination.k8s.io","kind":"leases"},"code":409}`},
		{Invalid(lease, "x", causes), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Lease.coordination.k8s.io \"x\" is invalid: spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0","reason":"Invalid","details":{"name":"x","group":"coordination.k8s.io","kind":"Lease","causes":[{"reason":"FieldValueInvalid","message":"Invalid value: 0: must be greater than 0","field":"spec.leaseDurationSeconds"}]},"code":422}`},
		{FailedPatch("test failed"), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server rejected our request due to an error in our request: test failed","reason":"Invalid","details":{},"code":422}`},
		{BadRequest("no"), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no","reason":"BadRequest","code":400}`},
		{Unauthorized(), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}`},
		{Forbidden("bob", "get", lease, "default", "x"), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"leases.coordination.k8s.io \"x\" is forbidden: User \"bob\" cannot get resource \"leases\" in API group \"coordination.k8s.io\" in the namespace \"default\"","reason":"Forbidden","details":{"name":"x","group":"coordination.k8s.io","kind":"leases"},"code":403}`},
		{TooOld(3, 9), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 3 (9)","reason":"Expired","code":410}`},
		{ResourceVersionTooLarge(9, 3), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Timeout: Too large resource version: 9, current: 3","reason":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1},"code":504}`},
		{ServiceUnavailable("no leader", 2), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no leader","reason":"ServiceUnavailable","details":{"retryAfterSeconds":2},"code":503}`},
		{Deleted(lease, "x", "u"), `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"x","group":"coordination.k8s.io","kind":"leases","uid":"u"}}`},
	} {
		got, err := json.Marshal(tt.status)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s, want\n%s (%v)", got, tt.want, err)
		}
	}
}

func TestSummaryListsEachCauseOnce(t *testing.T) {
	a, b := Cause{Message: "Required value", Field: "a"}, Cause{Message: "Invalid value: 1", Field: "b"}
	if got := Summary([]Cause{a, b, a}); got != "[a: Required value, b: Invalid value: 1]" {
		t.Error(got)
	}
}

func TestStatusIsAnError(t *testing.T) {
	var err error = TooManyRequests("wait", 3)
	if s, ok := errors.AsType[*Status](err); !ok || s.RetryAfter() != 3 || s.Error() != "wait" || BadRequest("x").RetryAfter() != 0 {
		t.Errorf("%v", err)
	}
}
