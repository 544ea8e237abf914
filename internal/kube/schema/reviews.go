package schema

const authorizationV1 = "io.k8s.api.authorization.v1."

// requirement returns the element of a selector. of is "Label" or "Field".
func requirement(of string) *Object {
	return &Object{
		ID:          metaV1 + of + "SelectorRequirement",
		Description: of + "SelectorRequirement is one requirement of a selector.",
		Fields: []Field{
			{Name: "key", Number: 1, Type: String, Presence: Always, Required: true, Description: "Key that the requirement is about."},
			{Name: "operator", Number: 2, Type: String, Presence: Always, Required: true, Description: "In, NotIn, Exists or DoesNotExist."},
			{Name: "values", Number: 3, Type: Strings, Description: "Values for In and NotIn."},
		},
	}
}

// attributes returns the part of a review with a selector. of is "Label" or "Field".
func attributes(of string) *Object {
	return &Object{
		ID:          authorizationV1 + of + "SelectorAttributes",
		Description: of + "SelectorAttributes limit a request to selected objects.",
		Fields: []Field{
			{Name: "rawSelector", Number: 1, Type: String, Description: "Selector as text."},
			{Name: "requirements", Number: 2, Type: Messages, Object: requirement(of), Description: "Selector as requirements."},
		},
	}
}

var resourceAttributes = &Object{
	ID:          authorizationV1 + "ResourceAttributes",
	Description: "ResourceAttributes describe a request for a resource.",
	Fields: []Field{
		{Name: "namespace", Number: 1, Type: String, Description: "Namespace. Empty means all namespaces."},
		{Name: "verb", Number: 2, Type: String, Description: "Verb, such as get. An asterisk means all verbs."},
		{Name: "group", Number: 3, Type: String, Description: "API group. An asterisk means all groups."},
		{Name: "version", Number: 4, Type: String, Description: "API version. An asterisk means all versions."},
		{Name: "resource", Number: 5, Type: String, Description: "Plural name of the resource. An asterisk means all resources."},
		{Name: "subresource", Number: 6, Type: String, Description: "Subresource."},
		{Name: "name", Number: 7, Type: String, Description: "Name of the object. Empty means all objects."},
		{Name: "fieldSelector", Number: 8, Type: Message, Presence: Kept, Object: attributes("Field"), Description: "Field selector of the request."},
		{Name: "labelSelector", Number: 9, Type: Message, Presence: Kept, Object: attributes("Label"), Description: "Label selector of the request."},
	},
}

var nonResourceAttributes = &Object{
	ID:          authorizationV1 + "NonResourceAttributes",
	Description: "NonResourceAttributes describe a request for a path that is not a resource.",
	Fields: []Field{
		{Name: "path", Number: 1, Type: String, Description: "Path of the URL."},
		{Name: "verb", Number: 2, Type: String, Description: "HTTP method in lower case."},
	},
}

// review returns the schema of a kind with spec and status. A nil spec is a kind without one.
func review(group, kind, id, description string, spec, status *Object) *Schema {
	fields := []Field{metadata(1)}
	if spec != nil {
		fields = append(fields, Field{Name: "spec", Number: 2, Type: Message, Object: spec, Presence: Always, Required: true, Description: "Question of the review."})
	}
	fields = append(fields, Field{Name: "status", Number: fields[len(fields)-1].Number + 1, Type: Message, Object: status, Presence: Always, Description: "Answer of the server."})
	return &Schema{Group: group, Version: "v1", Kind: kind, Object: &Object{ID: id + kind, Description: description, Fields: fields}}
}

// SelfSubjectAccessReview is the kind authorization.k8s.io/v1 SelfSubjectAccessReview.
var SelfSubjectAccessReview = review("authorization.k8s.io", "SelfSubjectAccessReview", authorizationV1,
	"SelfSubjectAccessReview checks whether the caller may make a request.",
	&Object{
		ID:          authorizationV1 + "SelfSubjectAccessReviewSpec",
		Description: "SelfSubjectAccessReviewSpec describes the request. It has one of the two fields.",
		Fields: []Field{
			{Name: "resourceAttributes", Number: 1, Type: Message, Presence: Kept, Object: resourceAttributes, Description: "Request for a resource."},
			{Name: "nonResourceAttributes", Number: 2, Type: Message, Presence: Kept, Object: nonResourceAttributes, Description: "Request for another path."},
		},
	},
	&Object{
		ID:          authorizationV1 + "SubjectAccessReviewStatus",
		Description: "SubjectAccessReviewStatus is the answer to the question whether a request is allowed.",
		Fields: []Field{
			{Name: "allowed", Number: 1, Type: Bool, Presence: Always, Required: true, Description: "Whether the request is allowed."},
			{Name: "denied", Number: 4, Type: Bool, Description: "Whether the request is denied explicitly."},
			{Name: "reason", Number: 2, Type: String, Description: "Why the request is allowed or denied."},
			{Name: "evaluationError", Number: 3, Type: String, Description: "Error in the check."},
		},
	})

// SelfSubjectRulesReview is the kind authorization.k8s.io/v1 SelfSubjectRulesReview.
var SelfSubjectRulesReview = review("authorization.k8s.io", "SelfSubjectRulesReview", authorizationV1,
	"SelfSubjectRulesReview lists what the caller may do in a namespace.",
	&Object{
		ID:          authorizationV1 + "SelfSubjectRulesReviewSpec",
		Description: "SelfSubjectRulesReviewSpec names the namespace.",
		Fields:      []Field{{Name: "namespace", Number: 1, Type: String, Description: "Namespace."}},
	},
	&Object{
		ID:          authorizationV1 + "SubjectRulesReviewStatus",
		Description: "SubjectRulesReviewStatus lists rights.",
		Fields: []Field{
			{Name: "resourceRules", Number: 1, Type: Messages, Presence: Always, Required: true, Object: resourceRule, Description: "Rights on resources."},
			{Name: "nonResourceRules", Number: 2, Type: Messages, Presence: Always, Required: true, Object: nonResourceRule, Description: "Rights on other paths."},
			{Name: "incomplete", Number: 3, Type: Bool, Presence: Always, Required: true, Description: "Whether rights may be missing."},
			{Name: "evaluationError", Number: 4, Type: String, Description: "Error in the check."},
		},
	})

var resourceRule = &Object{
	ID:          authorizationV1 + "ResourceRule",
	Description: "ResourceRule is a right on resources.",
	Fields: []Field{
		{Name: "verbs", Number: 1, Type: Strings, Presence: Always, Required: true, Description: "Verbs. An asterisk means all."},
		{Name: "apiGroups", Number: 2, Type: Strings, Description: "API groups."},
		{Name: "resources", Number: 3, Type: Strings, Description: "Resources."},
		{Name: "resourceNames", Number: 4, Type: Strings, Description: "Names of objects. None means all objects."},
	},
}

var nonResourceRule = &Object{
	ID:          authorizationV1 + "NonResourceRule",
	Description: "NonResourceRule is a right on paths.",
	Fields: []Field{
		{Name: "verbs", Number: 1, Type: Strings, Presence: Always, Required: true, Description: "HTTP methods in lower case."},
		{Name: "nonResourceURLs", Number: 2, Type: Strings, Description: "Paths."},
	},
}

// SelfSubjectReview is the kind authentication.k8s.io/v1 SelfSubjectReview.
var SelfSubjectReview = review("authentication.k8s.io", "SelfSubjectReview", "io.k8s.api.authentication.v1.",
	"SelfSubjectReview returns the identity of the caller.",
	nil,
	&Object{
		ID:          "io.k8s.api.authentication.v1.SelfSubjectReviewStatus",
		Description: "SelfSubjectReviewStatus is the identity of the caller.",
		Fields: []Field{
			{Name: "userInfo", Number: 1, Type: Message, Presence: Always, Object: userInfo, Description: "Identity of the caller."},
		},
	})

var userInfo = &Object{
	ID:          "io.k8s.api.authentication.v1.UserInfo",
	Description: "UserInfo is the identity of a caller.",
	Fields: []Field{
		{Name: "username", Number: 1, Type: String, Description: "Name of the caller."},
		{Name: "uid", Number: 2, Type: String, Description: "Identity of the caller in time."},
		{Name: "groups", Number: 3, Type: Strings, Description: "Groups of the caller."},
		{Name: "extra", Number: 4, Type: ListMap, Description: "Further facts about the caller."},
	},
}
