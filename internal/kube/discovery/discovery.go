// Package discovery writes the documents by which clients of the Kubernetes API find the groups, versions and resources
// that the server has. All of them follow the list of package resource.
package discovery

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"runtime"
	"strings"

	"github.com/lockd/lockd/internal/kube/accept"
	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/status"
)

// A Document is the answer to a request of a client that looks for resources.
type Document struct {
	ContentType string
	Body        []byte
}

const plain = "application/json"

// Find returns the document of a path: /api, /apis, a group or version below them, /openapi/v3, or an OpenAPI document.
// header is the header Accept of the request. ok is false for an unknown path.
func Find(path, header string) (d Document, refused *status.Status, ok bool) {
	value, ok := find(path)
	if !ok {
		return Document{}, nil, false
	}
	form, accepted := formOf(path, header)
	if !accepted {
		return Document{}, status.NotAcceptable("", plain), true
	}
	if form != "" {
		return Document{ContentType: aggregatedType(form), Body: encode(aggregated(path == "/api", form))}, nil, true
	}
	if text, ok := value.([]byte); ok {
		return Document{ContentType: plain, Body: text}, nil, true
	}
	return Document{ContentType: plain, Body: encode(value)}, nil, true
}

// find returns the value of a document, or the text of an OpenAPI document.
func find(path string) (any, bool) {
	switch path {
	case "/api":
		return apiVersions(), true
	case "/apis":
		return groupList(), true
	case "/openapi/v3":
		return openAPIIndex(), true
	}
	if name, ok := strings.CutPrefix(path, "/openapi/v3/"); ok {
		groupVersion, ok := groupVersionOf("/" + name)
		text := schema.OpenAPIV3(groupVersion)
		return text, ok && text != nil
	}
	if groupVersion, ok := groupVersionOf(path); ok {
		group, version := cut(groupVersion)
		resources := resource.Of(group, version)
		return resourceList(groupVersion, resources), len(resources) > 0
	}
	name, ok := strings.CutPrefix(path, "/apis/")
	versions := versionsOf(name)
	if !ok || len(versions) == 0 || name == "" {
		return nil, false
	}
	g := group(name)
	g["kind"], g["apiVersion"] = "APIGroup", "v1"
	return g, true
}

// groupVersionOf returns the group and version of a path: "v1" for /api/v1, "g/v" for /apis/g/v.
func groupVersionOf(path string) (string, bool) {
	if version, ok := strings.CutPrefix(path, "/api/"); ok {
		return version, !strings.Contains(version, "/")
	}
	groupVersion, ok := strings.CutPrefix(path, "/apis/")
	return groupVersion, ok && strings.Count(groupVersion, "/") == 1 && !strings.HasPrefix(groupVersion, "/")
}

func cut(groupVersion string) (group, version string) {
	group, version, ok := strings.Cut(groupVersion, "/")
	if !ok {
		return "", group
	}
	return group, version
}

// encode returns the JSON of a value that has only strings, booleans, lists and maps.
func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return text
}

// formOf returns the version of the aggregated form that the client prefers, or "" for the form of old clients.
func formOf(path, header string) (version string, ok bool) {
	params, ok := accept.JSON(header, func(p accept.Params) bool {
		switch p["as"] {
		case "":
			return true
		case "APIGroupDiscoveryList":
			return (path == "/api" || path == "/apis") && p["g"] == discoveryGroup && (p["v"] == "v2" || p["v"] == "v2beta1")
		}
		return false
	})
	if params["as"] == "" {
		return "", ok
	}
	return params["v"], ok
}

// Version returns the document of /version. release is the version of the server.
func Version(release string) []byte {
	return encode(map[string]any{
		"major": "1", "minor": "37", "gitVersion": "v1.37.0+lockd-" + strings.ReplaceAll(release, "+", "-"), "gitCommit": "", "gitTreeState": "",
		"buildDate": "1970-01-01T00:00:00Z", "goVersion": runtime.Version(), "compiler": runtime.Compiler,
		"platform": runtime.GOOS + "/" + runtime.GOARCH,
	})
}

// openAPIIndex returns the paths of the OpenAPI documents, with hashes by which clients cache them.
func openAPIIndex() map[string]any {
	paths := make(map[string]any)
	for _, r := range resource.All() {
		name := "apis/" + r.GroupVersion()
		if r.Group == "" {
			name = "api/" + r.Version
		}
		hash := sha256.Sum256(schema.OpenAPIV3(r.GroupVersion()))
		paths[name] = map[string]any{"serverRelativeURL": "/openapi/v3/" + name + "?hash=" + strings.ToUpper(hex.EncodeToString(hash[:]))}
	}
	return map[string]any{"paths": paths}
}
