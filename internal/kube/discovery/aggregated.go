package discovery

import "github.com/lockd/lockd/internal/kube/resource"

const discoveryGroup = "apidiscovery.k8s.io"

// aggregatedType returns the content type of the aggregated form. Clients decide by it.
func aggregatedType(version string) string {
	return "application/json;g=" + discoveryGroup + ";v=" + version + ";as=APIGroupDiscoveryList"
}

// aggregated returns all groups with their resources, or the core group alone.
func aggregated(core bool, form string) map[string]any {
	names := groupNames()
	if core {
		names = []string{""}
	}
	items := make([]any, len(names))
	for i, name := range names {
		var versions []any
		for _, version := range versionsOf(name) {
			versions = append(versions, map[string]any{
				"version": version, "freshness": "Current", "resources": discoveredResources(name, version),
			})
		}
		meta := map[string]any{}
		if name != "" {
			meta["name"] = name
		}
		items[i] = map[string]any{"metadata": meta, "versions": versions}
	}
	return map[string]any{
		"kind": "APIGroupDiscoveryList", "apiVersion": discoveryGroup + "/" + form, "metadata": map[string]any{}, "items": items,
	}
}

func discoveredResources(group, version string) []any {
	var list []any
	for _, r := range resource.Of(group, version) {
		scope := "Cluster"
		if r.Namespaced {
			scope = "Namespaced"
		}
		text := map[string]any{
			"resource": r.Plural, "singularResource": r.Singular, "scope": scope, "verbs": r.Verbs,
			"responseKind": map[string]any{"group": group, "version": version, "kind": r.Kind},
		}
		if r.ShortNames != nil {
			text["shortNames"] = r.ShortNames
		}
		list = append(list, text)
	}
	return list
}
