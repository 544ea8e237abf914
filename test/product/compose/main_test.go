//go:build compose

package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const (
	root = "../../.."

	// project differs from the name in the file, so that no other volumes are changed.
	project = "lockd-test"

	// patience is how long a test waits for a condition that must come true.
	patience = time.Minute

	// commandTimeout bounds one command; the first one builds the image.
	commandTimeout = 5 * time.Minute
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// An interrupted run may have left containers.
	if _, err := compose("down", "--volumes", "--timeout", "0"); err != nil {
		return fail(err)
	}
	if err := portsAreFree(); err != nil {
		return fail(err)
	}
	defer compose("down", "--volumes", "--timeout", "0")
	began := time.Now()
	if _, err := compose("up", "--build", "--detach", "--wait"); err != nil {
		logs, _ := compose("logs", "--no-color", "--tail", "40")
		fmt.Fprintln(os.Stderr, logs)
		return fail(err)
	}
	fmt.Printf("built the cluster, healthy after %v\n", time.Since(began).Round(time.Second))
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// portsAreFree waits until the published ports are free.
func portsAreFree() error {
	deadline := time.Now().Add(2 * patience)
	for _, n := range nodes {
		for {
			l, err := net.Listen("tcp", n.http)
			if err == nil {
				l.Close()
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("docker-compose.yml publishes %s, which is in use; stop the other program and retry: %w", n.http, err)
			}
			time.Sleep(time.Second)
		}
	}
	return nil
}

// compose runs `docker compose` on the compose file.
func compose(args ...string) (string, error) {
	return docker(append([]string{"compose", "--project-name", project, "--file", root + "/docker-compose.yml"}, args...)...)
}

// docker runs a command and returns its standard output.
func docker(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), errors.Join(err, ctx.Err()), stderr.String())
	}
	return out.String(), nil
}

// must returns the output of a command, and fails the test if there is an error.
func must(t *testing.T) func(out string, err error) string {
	return func(out string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
