package discovery

import (
	"slices"

	"github.com/lockd/lockd/internal/kube/resource"
)

// apiVersions returns the versions of the core group.
func apiVersions() map[string]any {
	return map[string]any{
		"kind": "APIVersions", "apiVersion": "v1", "versions": versionsOf(""), "serverAddressByClientCIDRs": []any{},
	}
}

// groupNames returns the names of the groups except the core group, in order.
func groupNames() []string {
	var names []string
	for _, r := range resource.All() {
		if r.Group != "" && !slices.Contains(names, r.Group) {
			names = append(names, r.Group)
		}
	}
	return names
}

// versionsOf returns the versions of a group. Clients prefer the first.
func versionsOf(group string) []string {
	var versions []string
	for _, r := range resource.All() {
		if r.Group == group && !slices.Contains(versions, r.Version) {
			versions = append(versions, r.Version)
		}
	}
	return versions
}

func groupList() map[string]any {
	var groups []any
	for _, name := range groupNames() {
		groups = append(groups, group(name))
	}
	return map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
}

func group(name string) map[string]any {
	var versions []any
	for _, version := range versionsOf(name) {
		versions = append(versions, map[string]any{"groupVersion": name + "/" + version, "version": version})
	}
	if len(versions) == 0 {
		return nil
	}
	return map[string]any{"name": name, "versions": versions, "preferredVersion": versions[0]}
}

func resourceList(groupVersion string, resources []resource.Resource) map[string]any {
	list := make([]any, len(resources))
	for i, r := range resources {
		text := map[string]any{
			"name": r.Plural, "singularName": r.Singular, "namespaced": r.Namespaced, "kind": r.Kind, "verbs": r.Verbs,
		}
		if r.ShortNames != nil {
			text["shortNames"] = r.ShortNames
		}
		list[i] = text
	}
	return map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": groupVersion, "resources": list}
}
