package status

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/lockd/lockd/internal/kube/resource"
)

func failure(code int, reason, message string, details *Details) *Status {
	return &Status{Status: Failure, Code: code, Reason: reason, Message: message, Details: details}
}

func about(r resource.Resource, name string) *Details {
	return &Details{Group: r.Group, Kind: r.Plural, Name: name}
}

// NotFound returns the error for an object that does not exist.
func NotFound(r resource.Resource, name string) *Status {
	return failure(http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", r.Qualified(), name), about(r, name))
}

// UnknownResource returns the error for a resource that a served group and version does not have.
func UnknownResource() *Status {
	return failure(http.StatusNotFound, "NotFound", "the server could not find the requested resource", &Details{})
}

// AlreadyExists returns the error for a create with a name that exists.
func AlreadyExists(r resource.Resource, name string) *Status {
	return failure(http.StatusConflict, "AlreadyExists", fmt.Sprintf("%s %q already exists", r.Qualified(), name), about(r, name))
}

// Modified is the message of a conflict with another write.
const Modified = "the object has been modified; please apply your changes to the latest version and try again"

// Conflict returns the error for a write that the state of the object does not allow. message says why, such as
// Modified.
func Conflict(r resource.Resource, name, message string) *Status {
	text := fmt.Sprintf("Operation cannot be fulfilled on %s %q: %s", r.Qualified(), name, message)
	return failure(http.StatusConflict, "Conflict", text, about(r, name))
}

// ApplyConflict returns the error for an apply of fields that other managers own.
func ApplyConflict(message string, causes []Cause) *Status {
	return failure(http.StatusConflict, "Conflict", message, &Details{Causes: causes})
}

// Invalid returns the error for an object whose fields have wrong values.
func Invalid(r resource.Resource, name string, causes []Cause) *Status {
	return invalid(r.QualifiedKind(), &Details{Group: r.Group, Kind: r.Kind, Name: name, Causes: causes}, causes)
}

// InvalidOptions returns the error for wrong query parameters or delete options. kind is the kind of the options:
// "PatchOptions", "DeleteOptions".
func InvalidOptions(kind string, causes []Cause) *Status {
	return invalid(kind+".meta.k8s.io", &Details{Group: "meta.k8s.io", Kind: kind, Causes: causes}, causes)
}

// InvalidPatch returns the error for a patch whose result is not an object of the kind.
func InvalidPatch(result, problem string) *Status {
	causes := []Cause{{Reason: "FieldValueInvalid", Message: fmt.Sprintf("Invalid value: %q: %s", result, problem), Field: "patch"}}
	return invalid("", &Details{Causes: causes}, causes)
}

func invalid(kind string, details *Details, causes []Cause) *Status {
	text := fmt.Sprintf("%s %q is invalid", kind, details.Name)
	if len(causes) > 0 {
		text += ": " + Summary(causes)
	}
	return failure(http.StatusUnprocessableEntity, "Invalid", text, details)
}

// FailedPatch returns the error for a JSON patch with an operation that fails on the object.
func FailedPatch(problem string) *Status {
	text := "the server rejected our request due to an error in our request: " + problem
	return failure(http.StatusUnprocessableEntity, "Invalid", text, &Details{})
}

// BadRequest returns the error for a request that cannot be understood.
func BadRequest(message string) *Status {
	return failure(http.StatusBadRequest, "BadRequest", message, nil)
}

// Unauthorized returns the error for a request without valid credentials.
func Unauthorized() *Status {
	return failure(http.StatusUnauthorized, "Unauthorized", "Unauthorized", nil)
}

// Forbidden returns the error for a request that the caller may not make. namespace is empty for the whole cluster.
func Forbidden(user, verb string, r resource.Resource, namespace, name string) *Status {
	scope := "at the cluster scope"
	if namespace != "" {
		scope = fmt.Sprintf("in the namespace %q", namespace)
	}
	object := r.Qualified()
	if name != "" {
		object += fmt.Sprintf(" %q", name)
	}
	text := fmt.Sprintf("%s is forbidden: User %q cannot %s resource %q in API group %q %s", object, user, verb, r.Plural, r.Group, scope)
	return failure(http.StatusForbidden, "Forbidden", text, about(r, name))
}

// Expired returns the error for a watch or a continue token that is older than the stored events.
func Expired(message string) *Status {
	return failure(http.StatusGone, "Expired", message, nil)
}

// TooOld returns the error for a watch from a revision that is no longer stored.
func TooOld(requested, oldest uint64) *Status {
	return Expired(fmt.Sprintf("too old resource version: %d (%d)", requested, oldest))
}

// ResourceVersionTooLarge returns the error for a read at a revision that does not exist yet.
func ResourceVersionTooLarge(requested, current uint64) *Status {
	return failure(http.StatusGatewayTimeout, "Timeout",
		fmt.Sprintf("Timeout: Too large resource version: %d, current: %d", requested, current),
		&Details{
			RetryAfterSeconds: 1,
			Causes:            []Cause{{Reason: "ResourceVersionTooLarge", Message: "Too large resource version"}},
		})
}

// MethodNotSupported returns the error for a verb that a resource is not served with.
func MethodNotSupported(r resource.Resource, verb string) *Status {
	text := fmt.Sprintf("%s is not supported on resources of kind %q", verb, r.Qualified())
	return failure(http.StatusMethodNotAllowed, "MethodNotAllowed", text, about(r, ""))
}

// MethodNotAllowed returns the error for an HTTP method that a path does not have.
func MethodNotAllowed() *Status {
	return failure(http.StatusMethodNotAllowed, "MethodNotAllowed", "the server does not allow this method on the requested resource", &Details{})
}

// NotAcceptable returns the error for a header Accept that names no type that the server can write. as is the form that
// the client wants, or empty.
func NotAcceptable(as string, types ...string) *Status {
	text := "only the following media types are accepted"
	if as != "" {
		text += " when converting to " + as
	}
	return failure(http.StatusNotAcceptable, "NotAcceptable", text+": "+strings.Join(types, ", "), nil)
}

// UnsupportedMediaType returns the error for a body of another type.
func UnsupportedMediaType(types ...string) *Status {
	return failure(http.StatusUnsupportedMediaType, "UnsupportedMediaType",
		"the body of the request was in an unknown format - accepted media types include: "+strings.Join(types, ", "), nil)
}

// TooLarge returns the error for a body that is longer than the limit.
func TooLarge(message string) *Status {
	return failure(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Request entity too large: "+message, nil)
}

// TooManyRequests returns the error for a caller above a limit. retryAfter is in seconds.
func TooManyRequests(message string, retryAfter int) *Status {
	return failure(http.StatusTooManyRequests, "TooManyRequests", message, &Details{RetryAfterSeconds: retryAfter})
}

// ServiceUnavailable returns the error for a server that cannot answer now. retryAfter is in seconds: client-go repeats
// the request by itself only if there is one.
func ServiceUnavailable(message string, retryAfter int) *Status {
	return failure(http.StatusServiceUnavailable, "ServiceUnavailable", message, &Details{RetryAfterSeconds: retryAfter})
}

// Timeout returns the error for a write whose result is unknown. retryAfter is in seconds.
func Timeout(message string, retryAfter int) *Status {
	return failure(http.StatusGatewayTimeout, "Timeout", "Timeout: "+message, &Details{RetryAfterSeconds: retryAfter})
}

// InternalError returns the error for a defect of the server.
func InternalError(message string) *Status {
	return failure(http.StatusInternalServerError, "InternalError", "Internal error occurred: "+message,
		&Details{Causes: []Cause{{Message: message}}})
}

// Deleted returns the answer to a delete that has removed an object.
func Deleted(r resource.Resource, name, uid string) *Status {
	return &Status{Status: Success, Details: &Details{Group: r.Group, Kind: r.Plural, Name: name, UID: uid}}
}
