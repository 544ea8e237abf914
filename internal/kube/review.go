package kube

import (
	"net/http"

	"github.com/lockd/lockd/internal/access"
	"github.com/lockd/lockd/internal/fsm/document"
	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/tree"
)

// review answers a question of the caller about itself: who it is, and what it may do.
func (s *Server) review(c Call, r resource.Resource) {
	body, ok := c.Body()
	if !ok {
		return
	}
	object, _, refused := schema.Decode(schemaOf(r), c.Request().Header.Get("Content-Type"), body)
	if refused != nil {
		Refuse(c, refused)
		return
	}
	switch r.Kind {
	case "SelfSubjectAccessReview":
		object["status"] = accessReview(c, object)
	case "SelfSubjectRulesReview":
		object["status"] = rulesReview(c, tree.String(object, "spec", "namespace"))
	default:
		object["status"] = map[string]any{"userInfo": userInfo(c)}
	}
	object["apiVersion"], object["kind"] = r.GroupVersion(), r.Kind
	send(c, http.StatusCreated, encode(object, false))
}

func userInfo(c Call) map[string]any {
	group := "system:authenticated"
	if c.User() == Anonymous {
		group = "system:unauthenticated"
	}
	return map[string]any{"username": c.User(), "groups": []any{group}}
}

// accessReview returns whether the caller may do what the review states.
func accessReview(c Call, object map[string]any) map[string]any {
	if path := tree.String(object, "spec", "nonResourceAttributes", "path"); path != "" {
		return verdict(Serves(path) && tree.String(object, "spec", "nonResourceAttributes", "verb") == "get", "the path is not served")
	}
	at := tree.Object(object, "spec", "resourceAttributes")
	r, known := findResource(tree.String(at, "group"), tree.String(at, "resource"))
	verb := tree.String(at, "verb")
	if !known || !r.Has(verb) {
		return verdict(false, "the resource is not served with this verb")
	}
	if !r.Namespaced {
		return verdict(true, "")
	}
	right := rightOf(verb)
	return verdict(c.May(right, scopeOf(tree.String(at, "namespace"), tree.String(at, "name"))), "no rule with the right "+right.String())
}

func findResource(group, plural string) (resource.Resource, bool) {
	for _, r := range resource.All() {
		if r.Group == group && r.Plural == plural {
			return r, true
		}
	}
	return resource.Resource{}, false
}

func rightOf(verb string) access.Right {
	switch verb {
	case "get", "list", "watch":
		return access.Read
	}
	return access.Acquire
}

// scopeOf returns what a rule must cover: one lease, a namespace, or all.
func scopeOf(namespace, name string) string {
	if namespace == "" {
		return document.Prefix
	}
	return document.LeaseName(namespace, name)
}

func verdict(allowed bool, reason string) map[string]any {
	if allowed {
		return map[string]any{"allowed": true}
	}
	return map[string]any{"allowed": false, "reason": reason}
}

// rulesReview returns what the caller may do with every object of a namespace. If that is not everything, the review is
// incomplete: the caller may have rights on single objects, too.
func rulesReview(c Call, namespace string) map[string]any {
	rules := []any{}
	incomplete := false
	for _, r := range resource.All() {
		var verbs []any
		for _, verb := range r.Verbs {
			if r.Namespaced && !c.May(rightOf(verb), scopeOf(namespace, "")) {
				incomplete = true
				continue
			}
			verbs = append(verbs, verb)
		}
		if len(verbs) > 0 {
			rules = append(rules, map[string]any{"apiGroups": []any{r.Group}, "resources": []any{r.Plural}, "verbs": verbs})
		}
	}
	paths := map[string]any{"nonResourceURLs": []any{"/api", "/api/*", "/apis", "/apis/*", "/openapi/v3", "/openapi/v3/*", "/version"}, "verbs": []any{"get"}}
	answer := map[string]any{"resourceRules": rules, "nonResourceRules": []any{paths}, "incomplete": incomplete}
	if incomplete {
		answer["evaluationError"] = "rights on single objects are not listed"
	}
	return answer
}
