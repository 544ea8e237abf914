//go:build compose

package compose

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestObservabilityIsAProfile checks what Compose reads of the profile. Its images are not pulled.
func TestObservabilityIsAProfile(t *testing.T) {
	if services := strings.Fields(must(t)(compose("config", "--services"))); len(services) != len(nodes) {
		t.Errorf("without a profile the services are %v; want the nodes only", services)
	}
	var config struct {
		Services map[string]struct {
			Image   string
			CapDrop []string `json:"cap_drop"`
			Ports   []struct {
				HostIP string `json:"host_ip"`
			}
			Volumes []struct {
				Type, Source, Target string
				ReadOnly             bool `json:"read_only"`
			}
		}
	}
	if err := json.Unmarshal([]byte(must(t)(compose("--profile", "observability", "config", "--format", "json"))), &config); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prometheus", "grafana"} {
		s, ok := config.Services[name]
		if _, version, _ := strings.Cut(s.Image, ":"); !ok || version == "" || version == "latest" {
			t.Errorf("the image of %s is %q; want a version", name, s.Image)
		}
		if !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.Ports) != 1 || s.Ports[0].HostIP != "127.0.0.1" {
			t.Errorf("%s is not hardened, or is published beyond loopback: %+v", name, s)
		}
		mounted := 0
		for _, v := range s.Volumes {
			if v.Type != "bind" {
				continue
			}
			mounted++
			if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
				t.Errorf("%s mounts %s at %s, writable or missing: %v", name, v.Source, v.Target, err)
			}
		}
		if mounted == 0 {
			t.Errorf("%s mounts no file of this repository", name)
		}
	}
}
