package api_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"

	"github.com/lockd/lockd"
	"github.com/lockd/lockd/internal/api"
	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/lease"
)

// spec is the parsed openapi.yaml.
type spec struct {
	doc    *openapi3.T
	router *chi.Mux // finds the path of a request
}

var loadSpec = sync.OnceValues(func() (*spec, error) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(lockd.OpenAPI))
	if err != nil {
		return nil, err
	}
	s := &spec{doc: doc, router: chi.NewMux()}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			s.router.Method(method, path, http.NotFoundHandler())
		}
	}
	for _, plain := range []string{"text/event-stream", "text/html", "text/javascript", "text/css", "image/svg+xml"} {
		openapi3filter.RegisterBodyDecoder(plain, openapi3filter.PlainBodyDecoder)
	}
	return s, nil
})

func contract(t testing.TB) *spec {
	t.Helper()
	s, err := loadSpec()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return s
}

// check fails the test if an answer does not match openapi.yaml, or if openapi.yaml does not allow a request that was
// answered 2xx.
func (s *spec) check(t testing.TB, r *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	for _, h := range []string{"Lockd-Revision", "Lockd-Node", "Lockd-Leader", "X-Request-Id", "Cache-Control"} {
		if _, ok := resp.Header[h]; !ok {
			t.Errorf("%s %s: the answer has no %s", r.Method, r.URL, h)
		}
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	at := chi.NewRouteContext()
	if !s.router.Match(at, method, r.URL.EscapedPath()) {
		return
	}
	path := at.RoutePattern()
	params := make(map[string]string)
	for i, k := range at.URLParams.Keys {
		params[k], _ = url.PathUnescape(at.URLParams.Values[i])
	}
	item := s.doc.Paths.Value(path)
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params,
		Route:   &routers.Route{Spec: s.doc, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method)},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if resp.StatusCode < 300 && r.GetBody != nil {
		r.Body, _ = r.GetBody()
		r.Header.Set("Content-Type", "application/json")
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			t.Errorf("%s %s: was accepted, but the contract does not allow it: %v", r.Method, r.URL, err)
		}
	}
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: in.Options,
	})
	if err != nil {
		t.Errorf("%s %s: the answer does not match the contract: %v\n%s", r.Method, r.URL, err, body)
	}
}

func TestContractIsValid(t *testing.T) {
	err := contract(t).doc.Validate(t.Context(), openapi3.EnableExamplesValidation(),
		openapi3.EnableSchemaFormatValidation(), openapi3.EnableSchemaDefaultsValidation())
	if err != nil {
		t.Error(err)
	}
}

func TestRoutesMatchContract(t *testing.T) {
	served := make(map[string]bool)
	err := chi.Walk(newWorld(t).server.Handler().(chi.Routes),
		func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			served[method+" "+route] = true
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	described := make(map[string]bool)
	for path, item := range contract(t).doc.Paths.Map() {
		for method, op := range item.Operations() {
			described[method+" "+path] = true
			if op.OperationID == "" || op.Summary == "" || op.Description == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s: wants an operationId, a summary, a description and one tag", method, path)
			}
			if !served[method+" "+path] {
				t.Errorf("openapi.yaml has %s %s, which has no route", method, path)
			}
		}
	}
	for route := range served {
		if !described[route] {
			t.Errorf("openapi.yaml lacks %s", route)
		}
	}
}

// TestContractBoundsMatchCode compares the bounds in openapi.yaml with those in the code.
func TestContractBoundsMatchCode(t *testing.T) {
	doc := contract(t).doc
	of := func(schema, member string) *openapi3.Schema {
		s := doc.Components.Schemas[schema].Value
		if member != "" {
			s = s.Properties[member].Value
		}
		return s
	}
	for _, c := range []struct {
		schema, member string
		least, most    int64
	}{
		{"TTL", "", int64(fsm.MinTTL), int64(fsm.MaxTTL)},
		{"Token", "", 1, fsm.MaxSafeInteger},
		{"Revision", "", 0, fsm.MaxSafeInteger},
		{"Limit", "", 1, fsm.MaxLimit},
		{"AcquireRequest", "wait_ms", 0, int64(fsm.MaxWait)},
		{"AcquireRequest", "delay_ms", 0, int64(fsm.MaxDelay)},
		{"ReleaseRequest", "delay_ms", 0, int64(fsm.MaxDelay)},
		{"BreakRequest", "grace_ms", 0, int64(fsm.MaxGrace)},
		{"AcquireRequest", "priority", fsm.MinPriority, fsm.MaxPriority},
		{"LeaseWaiter", "priority", fsm.MinPriority, fsm.MaxPriority},
		{"StepDownRequest", "within_ms", 1, int64(fsm.MaxWithin)},
		{"Problem", "position", 1, fsm.MaxQueue},
	} {
		s := of(c.schema, c.member)
		if s.Min == nil || s.Max == nil || int64(*s.Min) != c.least || int64(*s.Max) != c.most {
			t.Errorf("%s.%s does not have the bounds %d and %d", c.schema, c.member, c.least, c.most)
		}
	}
	for _, c := range []struct {
		schema, member string
		least, most    uint64
	}{
		{"Holder", "", 1, fsm.MaxHolderChars},
		{"Session", "", fsm.MinSessionBytes, fsm.MaxSessionBytes},
		{"BreakRequest", "reason", 1, fsm.MaxReasonChars},
	} {
		s := of(c.schema, c.member)
		if s.MinLength != c.least || s.MaxLength == nil || *s.MaxLength != c.most {
			t.Errorf("%s.%s does not have the bounds %d and %d characters", c.schema, c.member, c.least, c.most)
		}
	}
	for i, most := range []uint64{fsm.MaxNameBytes, uint64(fsm.MaxObjectNameBytes)} {
		if s := of("Name", "").AnyOf[i].Value; s.MaxLength == nil || *s.MaxLength != most {
			t.Errorf("the %d. form of Name does not have the bound %d", i+1, most)
		}
	}
	for name, s := range map[string]*openapi3.Schema{"Holder": of("Holder", ""), "reason": of("BreakRequest", "reason")} {
		pattern := regexp.MustCompile(s.Pattern)
		for r := range rune(utf8.MaxRune + 1) {
			if utf8.ValidRune(r) && pattern.MatchString(string(r)) != lease.Printable(string(r)) {
				t.Fatalf("%s: the pattern and the state machine differ on %U", name, r)
			}
		}
	}
	if most := of("LeaseList", "leases").MaxItems; *most != fsm.MaxListed {
		t.Errorf("LeaseList.leases: %d", *most)
	}
	if most := of("History", "events").MaxItems; *most != fsm.MaxNameEvents {
		t.Errorf("History.events: %d", *most)
	}
	if most := of("SessionRequest", "leases").MaxItems; *most != api.MaxRefs {
		t.Errorf("SessionRequest.leases: %d", *most)
	}
	for schema, member := range map[string]string{"AcquireAllRequest": "names", "Holds": "leases", "Problem": "leases"} {
		if most := of(schema, member).MaxItems; *most != fsm.MaxNames {
			t.Errorf("%s.%s: %d", schema, member, *most)
		}
	}
	if got := of("AcquireRequest", "ttl_ms").Default; got != float64(fsm.DefaultTTL) {
		t.Errorf("the default ttl is %v", got)
	}
	for _, p := range doc.Paths.Value("/v1/leases").Get.Parameters {
		if v := p.Value; v.Name == "limit" && (*v.Schema.Value.Max != fsm.MaxListed || v.Schema.Value.Default != float64(api.DefaultListed)) {
			t.Error("the bounds of limit differ")
		}
	}
	var types []string
	for _, e := range fsm.EventTypes() {
		types = append(types, e.String())
	}
	for _, e := range of("Event", "type").Enum {
		if s := e.(string); !slices.Contains(types, s) && !strings.Contains("state synced mark gone", s) {
			t.Errorf("the state machine has no event type %s", s)
		}
	}
	for _, e := range types {
		if !slices.Contains(of("Event", "type").Enum, any(e)) {
			t.Errorf("openapi.yaml lacks the event type %s", e)
		}
	}
}
