package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
)

func TestTimeoutErrorHasAnAction(t *testing.T) {
	for _, err := range []error{context.DeadlineExceeded, &lockd.UnknownError{Err: fmt.Errorf("reading: %w", context.DeadlineExceeded)}} {
		got := describeRefusal(&cobra.Command{}, err)
		if !strings.Contains(got.Error(), "--timeout") || !strings.Contains(got.Error(), "cluster status") || exitCode(got) != exitUnreachable {
			t.Errorf("%v, exit code %d", got, exitCode(got))
		}
	}
}
