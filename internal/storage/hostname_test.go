package storage

import (
	"errors"
	"strings"
	"testing"
)

func TestInvalidHostNameIsAnError(t *testing.T) {
	for host, ok := range map[string]bool{"lock-1.example.org": true, "": false, "my host": false} {
		name, err := hostName(func() (string, error) { return host, nil })
		if ok != (err == nil) || ok && name != host || !ok && !strings.Contains(err.Error(), "--node-id") {
			t.Errorf("%q gives %q, %v", host, name, err)
		}
	}
	if _, err := hostName(func() (string, error) { return "", errors.New("none") }); err == nil || !strings.Contains(err.Error(), "--node-id") {
		t.Errorf("no name gives %v", err)
	}
}
