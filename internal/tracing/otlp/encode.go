package otlp

import (
	"encoding/json"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// These types are ExportTraceServiceRequest of OTLP 1.0 in its JSON form: ids as hexadecimal digits, and numbers of 64
// bits as texts.
type (
	request struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource struct {
			Attributes []keyValue `json:"attributes"`
		} `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	span struct {
		TraceID    string     `json:"traceId"`
		SpanID     string     `json:"spanId"`
		ParentID   string     `json:"parentSpanId,omitempty"`
		Flags      uint32     `json:"flags"`
		Name       string     `json:"name"`
		Kind       int        `json:"kind"`
		Start      string     `json:"startTimeUnixNano"`
		End        string     `json:"endTimeUnixNano"`
		Attributes []keyValue `json:"attributes,omitempty"`
		Status     status     `json:"status"`
	}
	status struct {
		Code    int    `json:"code,omitempty"`
		Message string `json:"message,omitempty"`
	}
	keyValue struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String string `json:"stringValue,omitempty"`
		Int    string `json:"intValue,omitempty"`
	}
)

// encode returns the body of a request.
func encode(resource []attribute.KeyValue, batch []sdk.ReadOnlySpan) []byte {
	var r resourceSpans
	r.Resource.Attributes = keyValues(resource)
	scoped := scopeSpans{Scope: scope{"lockd"}}
	for _, s := range batch {
		scoped.Spans = append(scoped.Spans, newSpan(s))
	}
	r.ScopeSpans = []scopeSpans{scoped}
	body, err := json.Marshal(request{[]resourceSpans{r}})
	if err != nil {
		panic("otlp: encode spans: " + err.Error()) // texts and numbers only
	}
	return body
}

func newSpan(s sdk.ReadOnlySpan) span {
	at, parent := s.SpanContext(), s.Parent()
	out := span{
		TraceID: at.TraceID().String(), SpanID: at.SpanID().String(), Flags: uint32(at.TraceFlags()),
		Name: s.Name(), Kind: int(s.SpanKind()), Start: nanoseconds(s.StartTime()), End: nanoseconds(s.EndTime()),
		Attributes: keyValues(s.Attributes()),
	}
	if parent.IsValid() {
		out.ParentID = parent.SpanID().String()
	}
	if st := s.Status(); st.Code == codes.Error {
		out.Status = status{Code: statusError, Message: st.Description}
	}
	return out
}

// statusError is STATUS_CODE_ERROR of OTLP.
const statusError = 2

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func keyValues(attrs []attribute.KeyValue) (all []keyValue) {
	for _, a := range attrs {
		v := value{String: a.Value.String()}
		if a.Value.Type() == attribute.INT64 {
			v = value{Int: v.String}
		}
		all = append(all, keyValue{string(a.Key), v})
	}
	return all
}
