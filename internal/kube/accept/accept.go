// Package accept reads the header Accept of requests to the Kubernetes API. The server writes JSON only.
package accept

import (
	"github.com/munnerz/goautoneg"
)

// Params are the parameters of a media type, such as as=Table.
type Params map[string]string

// JSON returns the parameters of the best media range that includes application/json and whose parameters are allowed.
// An empty header accepts JSON without parameters.
func JSON(header string, allowed func(Params) bool) (Params, bool) {
	if header == "" {
		return Params{}, allowed(Params{})
	}
	for _, clause := range goautoneg.ParseAccept(header) {
		switch clause.Type + "/" + clause.SubType {
		case "application/json", "application/*", "*/*":
			if clause.Q > 0 && allowed(clause.Params) {
				return clause.Params, true
			}
		}
	}
	return nil, false
}
