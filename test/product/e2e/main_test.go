// Package e2e tests the lockd binary: processes that are killed, stopped, or started with damaged data.
package e2e

import (
	"os"
	"testing"

	"github.com/lockd/lockd/test/harness/nodes"
)

func TestMain(m *testing.M) { os.Exit(nodes.Main(m)) }

const (
	alice = "alice-session-0001"
	bob   = "bob-session-000001"
)
