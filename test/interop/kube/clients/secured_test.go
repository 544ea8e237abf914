package clients

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"

	"github.com/lockd/lockd/internal/kubeconfig"
	"github.com/lockd/lockd/test/harness/certs"
	"github.com/lockd/lockd/test/harness/nodes"
)

// run runs lockd and returns its output, without the space around it.
func run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("lockd %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// A securedCluster is a cluster with TLS and authentication.
type securedCluster struct {
	*nodes.Cluster
	ca     string
	socket string // the data directory of a node, with its admin socket
}

func startSecured(t *testing.T) *securedCluster {
	t.Helper()
	authorities := certs.New(t, "interop")
	client, program := authorities.HTTPClient(authorities.Dir), binary(t)
	s := &securedCluster{ca: filepath.Join(authorities.Dir, "ca.crt")}
	s.Cluster = nodes.StartThreeWith(t, func(n *nodes.Node) {
		n.Program, n.Secure = program, client
		n.Flags = append(n.Flags, "--tls-dir", authorities.Node(n.Name))
	})
	s.socket = s.Nodes[0].Dir
	run(t, "token", "create", "admin", "--admin", "--data-dir", s.socket)
	run(t, "auth", "enable", "--data-dir", s.socket)
	for _, n := range s.Nodes {
		nodes.Eventually(t, n.Name+" requires credentials", func() bool { return n.Get("/v1/auth").Status == http.StatusUnauthorized })
	}
	return s
}

// token creates a principal with rights, and returns the file with its token.
func (s *securedCluster) token(t *testing.T, principal string, rights ...string) string {
	t.Helper()
	args := []string{"token", "create", principal, "--data-dir", s.socket}
	for _, r := range rights {
		args = append(args, "--allow", r)
	}
	path := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(path, []byte(run(t, args...)), 0o600))
	return path
}

// kubeconfig writes the kubeconfig of a principal for a node, and returns its path.
func (s *securedCluster) kubeconfig(t *testing.T, n *nodes.Node, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := run(t, "kubeconfig", "--addr", n.URL(""), "--cacert", s.ca, "--token-file", token, "--namespace", "team")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestKubeconfigOfSecuredCluster(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	path := s.kubeconfig(t, s.Nodes[1], s.token(t, "worker", "acquire:k8s/team/"))
	config := got(clientcmd.BuildConfigFromFlags("", path))(t)
	namespace, _, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: path}, &clientcmd.ConfigOverrides{}).Namespace()
	if err != nil || namespace != "team" {
		t.Errorf("the namespace is %q, %v", namespace, err)
	}
	ctx, client := within(t, 30*time.Second), clientset(t, config)
	mine := client.CoordinationV1().Leases("team")
	got(mine.Create(ctx, leaseOf("demo", "a", nil), metav1.CreateOptions{}))(t)
	if _, err := client.CoordinationV1().Leases("other").Create(ctx, leaseOf("demo", "a", nil), metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("a Lease of another namespace: %v", err)
	}
	if _, err := client.CoordinationV1().Leases("other").Get(ctx, "demo", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("a get in another namespace: %v", err)
	}
	unknown := rest.CopyConfig(config)
	unknown.BearerToken, unknown.BearerTokenFile = "", ""
	if _, err := clientset(t, unknown).CoordinationV1().Leases("team").List(ctx, metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
		t.Errorf("no token: %v", err)
	}

	// Another principal reads, but neither renews nor ends the hold.
	other := clientset(t, got(clientcmd.BuildConfigFromFlags("", s.kubeconfig(t, s.Nodes[2], s.token(t, "other", "acquire:k8s/team/"))))(t)).CoordinationV1().Leases("team")
	l := got(other.Get(ctx, "demo", metav1.GetOptions{}))(t)
	l.Spec.RenewTime = ptr.To(metav1.NowMicro())
	if _, err := other.Update(ctx, l, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("a renewal by another principal: %v", err)
	}
	l.Spec.HolderIdentity = nil
	if _, err := other.Update(ctx, l, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("a release by another principal: %v", err)
	}
	if err := other.Delete(ctx, "demo", metav1.DeleteOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("a delete by another principal: %v", err)
	}
	operator := clientset(t, got(clientcmd.BuildConfigFromFlags("", s.kubeconfig(t, s.Nodes[0], s.token(t, "operator", "operate:k8s/team/"))))(t))
	must(t, operator.CoordinationV1().Leases("team").Delete(ctx, "demo", metav1.DeleteOptions{}))

	r := newReferee(t, true)
	r.namespace = "team"
	for i := range 2 {
		c := &candidate{referee: r, name: []string{"a", "b"}[i], client: client}
		c.run(nil)
	}
	first, _ := r.leader(nil)
	first.cancel()
	r.leader(first)
}

// inCluster is the variable that makes this test binary a program with in-cluster configuration.
const inCluster = "LOCKD_TEST_IN_CLUSTER"

// TestInClusterConfiguration runs a program in a mount namespace of its own, with the files of `lockd kube-credentials`
// at the path that client-go reads.
func TestInClusterConfiguration(t *testing.T) {
	t.Parallel()
	if os.Getenv(inCluster) != "" {
		electInCluster(t)
		return
	}
	if os.Geteuid() != 0 {
		missing(t, "only root can mount the files of rest.InClusterConfig")
	}
	s := startSecured(t)
	dir := filepath.Join(t.TempDir(), "credentials")
	variables := run(t, "kube-credentials", "--addr", s.Nodes[2].URL(""), "--cacert", s.ca, "--token-file",
		s.token(t, "pod", "acquire:k8s/pods/"), "--namespace", "pods", "--out", dir)

	self := got(os.Executable())(t)
	// The path is below a file system that only the program sees.
	script := `set -e; mount -t tmpfs none /var/run; mkdir -p "$1"; mount --bind "$0" "$1"; shift; exec "$@"`
	cmd := exec.CommandContext(within(t, 30*time.Second), "unshare", "--mount", "sh", "-c", script, dir, kubeconfig.MountPath,
		self, "-test.run", "^TestInClusterConfiguration$", "-test.v", "-test.count", "1")
	cmd.Env = append(os.Environ(), append(strings.Fields(variables), inCluster+"=1")...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the program: %v\n%s", err, out)
	}
	scanner := bufio.NewScanner(strings.NewReader(string(out)))
	for scanner.Scan() {
		if strings.Contains(scanner.Text(), "became leader") {
			return
		}
	}
	t.Errorf("the program did not become leader:\n%s", out)
}

// electInCluster is the program: a leader with in-cluster configuration.
func electInCluster(t *testing.T) {
	config := got(rest.InClusterConfig())(t)
	namespace := string(got(os.ReadFile(kubeconfig.MountPath + "/namespace"))(t))
	client := got(kubernetes.NewForConfig(config))(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	elector := got(leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pod"}, Client: client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: "pod-1"},
		},
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { t.Log("became leader"); cancel() },
			OnStoppedLeading: func() {},
		},
	}))(t)
	elector.Run(ctx)
}
