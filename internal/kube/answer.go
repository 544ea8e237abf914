package kube

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/status"
)

// send answers with JSON, unless the header has another type.
func send(w http.ResponseWriter, code int, body []byte) {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body) //nolint:gosec // JSON that is never sniffed; the client has gone if this fails
}

// encode returns the JSON of a tree or of a Status, which are always valid.
func encode(value any, pretty bool) []byte {
	marshal := json.Marshal
	if pretty {
		marshal = func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") }
	}
	b, err := marshal(value)
	if err != nil {
		panic("kube: encode an answer: " + err.Error())
	}
	return append(b, '\n')
}

func sendStatus(w http.ResponseWriter, s *status.Status) {
	if after := s.RetryAfter(); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(after))
	}
	send(w, s.Code, encode(s, false))
}

// refused returns the Status for the refusal of a write, or nil if it was not refused.
func (o *operation) refused(name string, r fsm.Reply) *status.Status {
	switch r.Code {
	case fsm.CodeOK, fsm.CodeGranted:
		return nil
	case fsm.CodeObjectRefused:
		return o.refusedObject(name, r.ObjectOutcome)
	case fsm.CodeStateFull:
		return status.TooManyRequests("the state of the cluster has reached its budget of bytes; nothing changed", retrySeconds)
	case fsm.CodeQuota:
		return status.Forbidden(o.Call.User(), verbOf(o.Request(), o.name), o.resource, o.namespace, name+": a quota of its scope is reached")
	case fsm.CodeTooManyLeases:
		return status.TooManyRequests("a limit of the number of leases is reached; nothing changed", retrySeconds)
	}
	return status.Conflict(o.resource, name, whyHeld(r))
}

// retrySeconds is the time after which a client may repeat a request that found no leader or too much load.
const retrySeconds = 1

func (o *operation) refusedObject(name string, outcome document.Outcome) *status.Status {
	switch outcome {
	case document.NotFound:
		return status.NotFound(o.resource, name)
	case document.Exists:
		return status.AlreadyExists(o.resource, name)
	case document.Conflict:
		return status.Conflict(o.resource, name, modified)
	case document.Full:
		return status.TooManyRequests("the state of the cluster has reached its budget of bytes; nothing changed", retrySeconds)
	case document.OfOther:
		return status.Forbidden(o.Call.User(), verbOf(o.Request(), o.name), o.resource, o.namespace, name+": it belongs to another principal")
	case document.OverQuota:
		return status.Forbidden(o.Call.User(), verbOf(o.Request(), o.name), o.resource, o.namespace, name)
	}
	return status.TooManyRequests("a limit of the number of objects is reached; nothing changed", retrySeconds)
}

// whyHeld returns why a lease refuses a holder.
func whyHeld(r fsm.Reply) string {
	switch r.Code {
	case fsm.CodeBroken:
		return "an operator is breaking the hold: stop its work, and acquire the Lease again when it is free"
	case fsm.CodeDelayed:
		text := "the lease cannot be acquired yet"
		if r.View != nil && r.View.AvailableIn > 0 {
			text += ": try again in " + seconds(r.View.AvailableIn)
		}
		return text
	case fsm.CodeHeld:
		if r.View == nil || len(r.View.Lease.Holds) == 0 {
			break
		}
		h := r.View.Lease.Holds[0]
		text := "the lease is held by " + strconv.Quote(h.Holder)
		if h.TTL == 0 {
			return text + ", without an end"
		}
		if len(r.View.Clocks) > 0 {
			text += " for at most " + seconds(r.View.Clocks[0].FreeIn) + " more unless it renews"
		}
		return text
	}
	return "the lease is in use: " + r.Code.String()
}

func seconds(d fsm.Millis) string {
	return strconv.FormatFloat(float64(d)/1_000, 'f', 1, 64) + " s"
}

// Problem answers a request that the HTTP server refuses before it reaches the API, with the status code and the message
// of the problem.
func Problem(w http.ResponseWriter, r *http.Request, user string, code int, message string) {
	s := &status.Status{Status: status.Failure, Code: code, Reason: "Unknown", Message: message}
	switch code {
	case http.StatusUnauthorized:
		s = status.Unauthorized()
	case http.StatusForbidden:
		s = forbidden(r, user, message)
	case http.StatusRequestEntityTooLarge:
		s = status.TooLarge(message)
	case http.StatusTooManyRequests:
		s = status.TooManyRequests(message, retrySeconds)
	case http.StatusServiceUnavailable:
		s = status.ServiceUnavailable(message, retrySeconds)
	case http.StatusGatewayTimeout:
		s = status.Timeout(message, retrySeconds)
	case http.StatusBadRequest:
		s = status.BadRequest(message)
	case http.StatusMethodNotAllowed:
		s = status.MethodNotAllowed()
	case http.StatusInternalServerError:
		s.Reason = "InternalError"
	}
	Refuse(w, s)
}

// forbidden returns the refusal of a request of a user, with what it is about in the words of kube-apiserver.
func forbidden(r *http.Request, user, message string) *status.Status {
	rest, isGroup := strings.CutPrefix(r.URL.Path, "/apis/")
	group := ""
	if isGroup {
		group, rest, _ = strings.Cut(rest, "/")
	} else {
		rest = strings.TrimPrefix(rest, "/api/")
	}
	parts := append(strings.Split(rest, "/"), "", "", "", "")
	version, namespace, plural, name := parts[0], "", parts[1], parts[2]
	if parts[1] == "namespaces" {
		namespace, plural, name = parts[2], parts[3], parts[4]
	}
	of, known := resource.Find(group, version, plural)
	if !known {
		return &status.Status{Status: status.Failure, Code: http.StatusForbidden, Reason: "Forbidden", Message: message}
	}
	s := status.Forbidden(user, verbOf(r, name), of, namespace, name)
	s.Message += ": " + message
	return s
}
