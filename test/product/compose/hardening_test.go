//go:build compose

package compose

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const user = "65532:65532"

// inspected is the engine's description of a container or an image.
type inspected struct {
	Config struct {
		User        string
		Healthcheck struct{ Test []string }
		StopSignal  string
	}
	HostConfig struct {
		ReadonlyRootfs, Privileged   bool
		CapAdd, CapDrop, SecurityOpt []string
		PortBindings                 map[string][]struct{ HostIP, HostPort string }
	}
	State struct{ Pid int }
}

func inspect(t *testing.T, what string) inspected {
	t.Helper()
	var all []inspected
	if err := json.Unmarshal([]byte(must(t)(docker("inspect", what))), &all); err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func TestImageContainsOnlyLockd(t *testing.T) {
	whole(t)
	want := []string{"etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "lockd"}
	if have := files(t, nodes[0].container()); !slices.Equal(have, want) {
		t.Errorf("the image has the files %v; want %v", have, want)
	}
	image := inspect(t, "lockd")
	if image.Config.User != user || !slices.Equal(image.Config.Healthcheck.Test, []string{"CMD", "/lockd", "health"}) || image.Config.StopSignal != "SIGTERM" {
		t.Errorf("without a compose file the image runs as %+v", image.Config)
	}
}

// files returns the files of a container that are not empty. The engine itself adds empty ones.
func files(t *testing.T, container string) []string {
	t.Helper()
	cmd := exec.Command("docker", "export", container)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var found []string
	r := tar.NewReader(out)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg && h.Size > 0 {
			found = append(found, h.Name)
		}
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func TestContainersAreHardened(t *testing.T) {
	whole(t) // until the health checks pass, which are part of the test
	for _, n := range nodes {
		c := inspect(t, n.container())
		for what, ok := range map[string]bool{
			"runs as " + user:              c.Config.User == user,
			"has a read-only root":         c.HostConfig.ReadonlyRootfs,
			"drops all capabilities":       slices.Equal(c.HostConfig.CapDrop, []string{"ALL"}) && len(c.HostConfig.CapAdd) == 0 && !c.HostConfig.Privileged,
			"can gain no privileges":       slices.Contains(c.HostConfig.SecurityOpt, "no-new-privileges:true"),
			"has lockd for a health check": slices.Equal(c.Config.Healthcheck.Test, []string{"CMD", "/lockd", "health"}),
			"publishes 7400 on loopback":   published(c) == "7400/tcp="+n.http,
		} {
			if !ok {
				t.Errorf("want: %s %s: got %+v", n.name, what, c)
			}
		}
	}
}

func published(c inspected) string {
	var all []string
	for port, bindings := range c.HostConfig.PortBindings {
		for _, b := range bindings {
			all = append(all, fmt.Sprintf("%s=%s:%s", port, b.HostIP, b.HostPort))
		}
	}
	return strings.Join(all, " ")
}

// The previous test checks the engine's configuration; this one checks what the kernel applies.
func TestKernelAppliesTheHardening(t *testing.T) {
	whole(t)
	for _, n := range nodes {
		proc := fmt.Sprintf("/proc/%d", inspect(t, n.container()).State.Pid)
		command, err := os.ReadFile(proc + "/cmdline")
		if err != nil || !strings.HasPrefix(string(command), "/lockd\x00server\x00") {
			if os.Getenv("CI") == "" {
				t.Skip("the engine runs on another machine, whose processes this one cannot inspect")
			}
			t.Fatalf("the process of %s is %q, %v", n.name, command, err)
		}
		has := lines(t, proc+"/status")
		const none = "0000000000000000"
		for _, want := range []string{
			"Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532", "NoNewPrivs:\t1",
			"CapInh:\t" + none, "CapPrm:\t" + none, "CapEff:\t" + none, "CapBnd:\t" + none, "CapAmb:\t" + none,
		} {
			if !slices.Contains(has, want) {
				t.Errorf("%s runs without %q:\n%s", n.name, want, strings.Join(has, "\n"))
			}
		}
		if mounts := lines(t, proc+"/mounts"); !slices.ContainsFunc(mounts, func(m string) bool {
			f := strings.Fields(m)
			return len(f) > 3 && f[1] == "/" && slices.Contains(strings.Split(f[3], ","), "ro")
		}) {
			t.Errorf("the root of %s is writable:\n%s", n.name, strings.Join(mounts, "\n"))
		}
	}
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n")
}
