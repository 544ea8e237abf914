package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/lockd/lockd/test/harness/nodes"
)

// A kubectl is one version of kubectl, with the files of its own.
type kubectl struct {
	*testing.T
	path    string
	dir     string // with lease.yaml; also the home directory
	options []string
}

// manifest is the Lease that the commands work with.
const manifest = `apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: web
  labels: {app: web}
spec:
  holderIdentity: n1
  leaseDurationSeconds: 600
  renewTime: "2026-01-02T03:04:05.000000Z"
`

func (k *kubectl) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, k.path, append(args, k.options...)...)
	cmd.Dir = k.dir
	cmd.Env = append(os.Environ(), "HOME="+k.dir, "KUBECONFIG=kubeconfig", `EDITOR=sed -i "s/leaseTransitions: 3/leaseTransitions: 4/"`)
	return cmd
}

// run runs kubectl with the arguments of a line, which has no quotes.
func (k *kubectl) run(line string) (code int, output string) {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), nodes.Patience)
	defer cancel()
	out, err := k.command(ctx, strings.Fields(line)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		k.Fatalf("kubectl %s: %v\n%s", line, err, out)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(out)
}

// A step is a command line, its exit code, and regular expressions that match its output. One that begins with a ! must
// not match.
type step struct {
	line string
	code int
	want []string
}

func (k *kubectl) steps(all ...step) {
	k.Helper()
	for _, s := range all {
		code, output := k.run(s.line)
		if code != s.code {
			k.Errorf("kubectl %s: exit code %d, want %d\n%s", s.line, code, s.code, output)
		}
		for _, want := range s.want {
			pattern, not := strings.CutPrefix(want, "!")
			if regexp.MustCompile(`(?m)`+pattern).MatchString(output) == not {
				k.Errorf("kubectl %s: want a match of %s\n%s", s.line, want, output)
			}
		}
	}
}

// follow starts a kubectl that watches. output returns what it has written so far, ended how it ended.
func (k *kubectl) follow(line string) (output func() string, ended func() error) {
	k.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), nodes.Patience)
	cmd := k.command(ctx, strings.Fields(line)...)
	var b lockedBuffer
	cmd.Stdout, cmd.Stderr = &b, &b
	must(k.T, cmd.Start())
	ended = sync.OnceValue(cmd.Wait)
	k.Cleanup(func() {
		cancel()
		_ = ended() // it may have been killed
	})
	return b.String, ended
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestKubectl(t *testing.T) {
	t.Parallel()
	cluster := startThree(t)
	for _, version := range []string{"1.37", "1.32", "1.20"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			k := &kubectl{T: t, path: kubectlPath(t, version), dir: t.TempDir()}
			ns := "kubectl-" + strings.ReplaceAll(version, ".", "-")
			k.write("kubeconfig", run(t, "kubeconfig", "--addr", cluster.Nodes[1].URL(""), "--namespace", ns))
			k.write("lease.yaml", manifest)
			k.write("longer.yaml", strings.Replace(manifest, "600", "601", 1))
			k.write("unknown.yaml", strings.Replace(manifest, "holderIdentity", "holder", 1))
			k.write("second.yaml", strings.Replace(manifest, "name: web", "name: second", 1))
			if version == "1.20" {
				testOldKubectl(k, ns)
			} else {
				testKubectl(k, ns)
			}
		})
	}
}

func (k *kubectl) write(name, text string) {
	k.Helper()
	must(k.T, os.WriteFile(filepath.Join(k.dir, name), []byte(text), 0o600))
}

// kubectlPath returns the path of a version of kubectl. 1.32 is used if it is the one of the machine: `make interop`
// installs the others.
func kubectlPath(t *testing.T, version string) string {
	t.Helper()
	path := got(filepath.Abs(filepath.Join(root, "bin", "interop", "kubectl-"+version)))(t)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if version != "1.32" {
		missing(t, "bin/interop/kubectl-"+version+" is missing: run `make interop`")
	}
	path, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("SKIPPED: no kubectl on PATH")
	}
	if out, err := exec.Command(path, "version", "--client").Output(); err != nil || !strings.Contains(string(out), "v1.32.") {
		t.Skip("SKIPPED: kubectl on PATH is not 1.32")
	}
	return path
}

const conflict = `\(Conflict\).* the lease is held by "n1" for at most .* s more unless it renews`

func testKubectl(k *kubectl, ns string) {
	k.steps(
		step{"version", 0, []string{`Server Version: v1\.37\.0\+lockd-`}},
		step{"api-versions", 0, []string{`^coordination.k8s.io/v1$`, `^coordination.k8s.io/v1beta1$`, `^events.k8s.io/v1$`, `^v1$`}},
		step{"api-resources", 0, []string{`leases +coordination.k8s.io/v1 +true +Lease$`, `events +ev +v1 +true +Event$`}},
		step{"explain lease.spec.holderIdentity", 0, []string{`FIELD: holderIdentity <string>`}},
		step{"explain leasecandidates.spec", 0, []string{`binaryVersion\s<string>`}},
		step{"get leases", 0, []string{`No resources found in ` + ns + ` namespace`}},
		step{"get lease web", 1, []string{`\(NotFound\): leases.coordination.k8s.io "web" not found`}},
		step{"get lease web --ignore-not-found", 0, []string{`!.`}},
		step{"get pods", 1, []string{`doesn't have a resource type "pods"`}},

		step{"create -f unknown.yaml", 1, []string{`unknown field "spec.holder"`}},
		step{"create -f lease.yaml --dry-run=server", 0, []string{`web created \(server dry run\)`}},
		step{"create -f lease.yaml", 0, []string{`web created$`}},
		step{"create -f lease.yaml", 1, []string{`\(AlreadyExists\)`}},
		step{"get leases", 0, []string{`^NAME +HOLDER +AGE$`, `^web +n1 +\d+s$`}},
		step{"get leases -A", 0, []string{`^NAMESPACE +NAME +HOLDER +AGE$`, `^` + ns + ` +web +n1 `}},
		step{"get lease web -o wide --show-labels", 0, []string{`^web +n1 +\d+s +app=web$`}},
		step{"get lease web -o yaml", 0, []string{`^  holderIdentity: n1$`, `lockd.io/fencing-token: "\d+"`, `!managedFields`}},
		step{"get lease web -o json", 0, []string{`"holderIdentity": "n1"`}},
		step{"get leases --chunk-size=1 --sort-by=.metadata.name -o name", 0, []string{`^lease.coordination.k8s.io/web$`}},
		step{"get leases -l app=web,!x --field-selector=metadata.name=web -o jsonpath={.items[*].spec.holderIdentity}", 0, []string{`^n1$`}},
		step{"describe lease web", 0, []string{`Holder Identity: +n1`, `Normal +Acquired .* lockd +n1 became leader with the fencing token \d+`}},

		step{"apply -f lease.yaml", 0, []string{`web configured`}},
		step{"apply -f lease.yaml", 0, []string{`web unchanged`}},
		step{"diff -f lease.yaml", 0, []string{`!.`}},
		step{"diff -f longer.yaml", 1, []string{`^-  leaseDurationSeconds: 600$`, `^\+  leaseDurationSeconds: 601$`}},
		step{"apply -f longer.yaml --dry-run=server", 0, []string{`web configured \(server dry run\)`}},
		step{"apply --server-side -f longer.yaml", 1, []string{`conflict with "kubectl-create".*: .spec.leaseDurationSeconds`}},
		step{"apply --server-side --force-conflicts -f longer.yaml", 0, []string{`web serverside-applied`}},
		step{"apply --server-side -f longer.yaml", 0, []string{`web serverside-applied`}},
		step{"diff --server-side -f longer.yaml", 0, []string{`!.`}},

		step{`patch lease web -p {"spec":{"leaseTransitions":1}}`, 0, []string{`web patched$`}},
		step{`patch lease web --type=merge -p {"spec":{"leaseTransitions":2}}`, 0, []string{`web patched$`}},
		step{`patch lease web --type=json -p [{"op":"replace","path":"/spec/leaseTransitions","value":3}]`, 0, []string{`web patched$`}},
		step{`patch lease web --type=json -p [{"op":"replace","path":"/spec/leaseTransitions","value":3}]`, 0, []string{`web patched \(no change\)`}},
		step{`patch lease web --type=merge -p {"spec":{"holderIdentity":"n2"}}`, 1, []string{conflict}},
		step{"edit lease web", 0, []string{`web edited`}},
		step{"get lease web -o jsonpath={.spec.leaseTransitions}", 0, []string{`^4$`}},
		step{"annotate lease web note=x", 0, []string{`web annotated`}},
		step{"annotate lease web lockd.io/fencing-token=999999999 --overwrite", 0, nil},
		step{"get lease web -o jsonpath={.metadata.annotations}", 0, []string{`"note":"x"`, `!"lockd.io/fencing-token":"999999999"`}},
		step{"label leases --all zone=a", 0, []string{`web labeled`}},
		step{"label lease web zone-", 0, []string{`web unlabeled`}},
		step{"replace -f lease.yaml", 0, []string{`web replaced`}},

		step{"wait lease/web --for=jsonpath={.spec.holderIdentity}=n1 --timeout=20s", 0, []string{`condition met`}},
		step{"wait lease/web --for=jsonpath={.spec.holderIdentity}=n2 --timeout=1s", 1, []string{`timed out`}},
		step{"auth can-i create leases", 0, []string{`^yes$`}},
		step{"auth can-i deletecollection leases", 0, []string{`^yes$`}},
		step{"auth can-i create pods", 1, []string{`^no`}},
		step{"auth can-i --list", 0, []string{`leases.coordination.k8s.io .*deletecollection.*watch`, `!incomplete`}},
		step{"auth whoami", 0, []string{`Username +system:anonymous`}},
		step{"get events", 0, []string{`Normal +Acquired +lease/web +n1 became leader`}},
		step{"get leases,events,leasecandidates", 0, []string{`^lease.coordination.k8s.io/web +n1`, `lease/web`}},
		step{"events --for=lease/web", 0, []string{`n1 became leader`}},
		step{"get --raw /readyz", 0, nil},
	)
	k.takeover("get leases -w --output-watch-events",
		`^ADDED +web +n1 `, `^MODIFIED +web +\d+s$`, `^MODIFIED +web +n2 `, `^DELETED +web `)
	k.steps(
		step{"wait lease/web --for=delete --timeout=20s", 0, nil},
		step{"delete lease web", 1, []string{`\(NotFound\): leases.coordination.k8s.io "web" not found`}},
		step{"create -f lease.yaml -f second.yaml", 0, []string{`web created`, `second created`}},
		step{`patch lease second --type=merge -p {"spec":{"holderIdentity":null}}`, 0, nil},
	)
	_, leads := k.follow("wait lease/second --for=jsonpath={.spec.holderIdentity}=n3 --timeout=25s")
	k.steps(step{`patch lease second --type=merge -p {"spec":{"holderIdentity":"n3"}}`, 0, nil})
	must(k.T, leads())
	_, gone := k.follow("wait lease/web --for=delete --timeout=25s")
	k.steps(
		step{"delete leases -l app=none", 0, []string{`No resources found`}},
		step{"delete leases -l app=web", 0, []string{`"web" deleted`, `"second" deleted`}},
		step{"get events --field-selector=type=Warning", 0, []string{`Broken +lease/second +the hold of n3 was broken by 127.0.0.1`}},
		step{"delete events --all", 0, []string{`deleted`}},
	)
	must(k.T, gone())
}

// takeover changes the holder while a kubectl watches, deletes the Lease, and checks what the watch has shown, in order.
func (k *kubectl) takeover(watch string, want ...string) {
	k.Helper()
	seen, _ := k.follow(watch)
	nodes.Eventually(k.T, "the watch shows the Lease", func() bool { return strings.Contains(seen(), "web") })
	listed, tick := strings.Count(seen(), "web"), 0
	nodes.Eventually(k.T, "kubectl watches, which it begins after the list", func() bool {
		tick++
		k.steps(step{fmt.Sprintf("annotate lease web tick=%d --overwrite", tick), 0, nil})
		return strings.Count(seen(), "web") > listed
	})
	k.steps(
		step{`patch lease web --type=merge -p {"spec":{"holderIdentity":null}}`, 0, nil},
		step{`patch lease web --type=merge -p {"spec":{"holderIdentity":"n2"}}`, 0, nil},
		step{"delete lease web", 0, []string{`"web" deleted`}},
	)
	pattern := regexp.MustCompile(`(?ms)` + strings.Join(want, ".*"))
	nodes.Eventually(k.T, "the watch shows the takeover and the deletion: "+seen(), func() bool { return pattern.MatchString(seen()) })
}

// testOldKubectl checks what a kubectl without OpenAPI v3 can do: it needs --validate=false to create, apply and replace,
// and has no diff, edit, explain and server dry run.
func testOldKubectl(k *kubectl, ns string) {
	k.steps(
		step{"version", 0, []string{`v1\.37\.0\+lockd-`}},
		step{"api-versions", 0, []string{`^coordination.k8s.io/v1$`}},
		step{"api-resources", 0, []string{`leases +coordination.k8s.io/v1 +true +Lease$`}},
		step{"get leases", 0, []string{`No resources found in ` + ns + ` namespace`}},
		step{"get lease web", 1, []string{`\(NotFound\): leases.coordination.k8s.io "web" not found`}},
		step{"create --validate=false -f lease.yaml", 0, []string{`web created$`}},
		step{"apply --validate=false -f lease.yaml", 0, []string{`web configured`}},
		step{"apply --validate=false -f lease.yaml", 0, []string{`web unchanged`}},
		step{"apply --validate=false --server-side --force-conflicts -f longer.yaml", 0, []string{`web serverside-applied`}},
		step{"get leases -A", 0, []string{`^` + ns + ` +web +n1 `}},
		step{"get lease web -o yaml", 0, []string{`^  holderIdentity: n1$`}},
		step{"describe lease web", 0, []string{`Holder Identity: +n1`, `Normal +Acquired .* lockd +n1 became leader with the fencing token \d+`}},
		step{`patch lease web -p {"spec":{"leaseTransitions":1}}`, 0, []string{`web patched$`}},
		step{`patch lease web --type=merge -p {"spec":{"leaseTransitions":2}}`, 0, []string{`web patched$`}},
		step{`patch lease web --type=json -p [{"op":"replace","path":"/spec/leaseTransitions","value":3}]`, 0, []string{`web patched$`}},
		step{`patch lease web --type=merge -p {"spec":{"holderIdentity":"n2"}}`, 1, []string{conflict}},
		step{"annotate lease web note=x", 0, []string{`web annotated`}},
		step{"label lease web zone=a", 0, []string{`web labeled`}},
		step{"replace --validate=false -f lease.yaml", 0, []string{`web replaced`}},
		step{"auth can-i create leases", 0, []string{`^yes$`}},
		step{"auth can-i --list", 0, []string{`leases.coordination.k8s.io`}},
		step{"get events", 0, []string{`Normal +Acquired +lease/web +n1 became leader`}},
	)
	k.takeover("get leases -w --output-watch-events",
		`^ADDED +web +n1 `, `^MODIFIED +web +\d+s$`, `^MODIFIED +web +n2 `, `^DELETED +web `)
	k.steps(
		step{"create --validate=false -f lease.yaml -f second.yaml", 0, []string{`web created`, `second created`}},
		step{"delete leases -l app=web", 0, []string{`"web" deleted`, `"second" deleted`}},
		step{"explain lease.spec", 1, nil},
	)
}
