package conformance

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/pki"
	"github.com/lockd/lockd/lockdtest"
	"github.com/lockd/lockd/test/harness/certs"
	"github.com/lockd/lockd/test/harness/nodes"
)

// A securedCluster is a cluster with TLS and authentication, for the scenarios that are secured.
type securedCluster struct {
	*nodes.Cluster
	authorities *certs.Authorities
	admin       *lockd.Client
}

// startSecured starts three nodes with TLS, creates an administrator at the admin socket of one of
// them, and enables authentication. Requests of the test carry the administrator's token.
func startSecured(t *testing.T) *securedCluster {
	t.Helper()
	authorities := certs.New(t, clusterName)
	client := authorities.HTTPClient(authorities.Dir)
	c := &securedCluster{authorities: authorities}
	c.Cluster = nodes.StartThreeWith(t, func(n *nodes.Node) {
		n.Flags = append(n.Flags, "--tls-dir", authorities.Node(n.Name))
		n.Secure = client
	})
	socket := c.Nodes[0].Dir
	token := lockdCommand(t, "token", "create", "admin", "--admin", "--data-dir", socket)
	lockdCommand(t, "auth", "enable", "--data-dir", socket)
	cfg := lockd.Config{Token: token, CAFile: filepath.Join(authorities.Dir, pki.CAFile)}
	for _, n := range c.Nodes {
		cfg.Addresses = append(cfg.Addresses, n.URL(""))
		nodes.Eventually(t, n.Name+" requires credentials", func() bool {
			return n.Get("/v1/auth").Status == http.StatusUnauthorized
		})
	}
	var err error
	if c.admin, err = lockd.New(cfg); err != nil {
		t.Fatal(err)
	}
	client.Transport = withToken{token, client.Transport}
	return c
}

// lockdCommand runs lockd and returns its output, without the space around it.
func lockdCommand(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(nodes.Binary(t), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("lockd %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// withToken sends requests with a token.
type withToken struct {
	token string
	next  http.RoundTripper
}

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+w.token)
	return w.next.RoundTrip(r)
}

// The authorities in the file of a client, other than that of the nodes.
const (
	otherAuthority = "other" // with the same name, which has signed no node
	noAuthority    = "none"  // the file has no certificate
)

// The credentials of a client.
const (
	byToken       = "token"
	byCertificate = "certificate"
	byStranger    = "certificate of no principal"
)

// credentials are the credentials of a client, and the files that it reads them from.
type credentials struct {
	principal string
	dir       string
	token     *lockd.AccessToken // the one in the file
	expires   time.Time          // when the first certificate expires
}

const (
	clusterName = "conformance"
	tokenFile   = "token"
)

// secure adds the files of the client's credentials to the command that creates the client, and
// creates its principal.
func (p *play) secure(a *actor, s step, c *command) {
	p.t.Helper()
	for i := range c.Addresses {
		c.Addresses[i] = strings.Replace(c.Addresses[i], "http://", "https://", 1)
	}
	a.credentials = &credentials{principal: p.prefix + cmp.Or(s.Principal, s.Client), dir: p.t.TempDir()}
	p.writeAuthority(a, s.Authority)
	c.CAFile = filepath.Join(a.dir, pki.CAFile)
	credential := cmp.Or(s.Credential, byToken)
	if credential != byStranger && !p.principals[a.principal] {
		p.principals[a.principal] = true
		p.setRules(s)
	}
	switch credential {
	case byToken:
		p.writeToken(a, a.principal)
		c.TokenFile = filepath.Join(a.dir, tokenFile)
	case byCertificate, byStranger:
		life := cmp.Or(time.Duration(s.Expires)*time.Millisecond, time.Hour)
		a.expires = time.Now().Add(life)
		p.writeCertificate(a, life)
		c.CertFile, c.KeyFile = filepath.Join(a.dir, pki.ClientFile), filepath.Join(a.dir, pki.ClientKey)
	default:
		p.t.Fatalf("unknown credential %q", credential)
	}
}

func (p *play) writeAuthority(a *actor, authority string) {
	p.t.Helper()
	from := p.secured.authorities
	switch authority {
	case "":
	case otherAuthority:
		from = certs.New(p.t, clusterName)
	case noAuthority:
		if err := os.WriteFile(filepath.Join(a.dir, pki.CAFile), []byte("no certificate\n"), 0o600); err != nil {
			p.t.Fatal(err)
		}
		return
	default:
		p.t.Fatalf("unknown authority %q", authority)
	}
	from.Copy(from.Dir, a.dir, pki.CAFile)
}

// admin sends a request as an administrator.
func (p *play) admin(send func(ctx context.Context, admin *lockd.Client) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), nodes.Patience)
	defer cancel()
	if err := send(ctx, p.secured.admin); err != nil {
		p.t.Fatal(err)
	}
}

// setRules replaces the rules of a client's principal. Without rules in the step, the principal may
// acquire all leases of the play.
func (p *play) setRules(s step) {
	p.t.Helper()
	a := p.clients[s.Client]
	if s.Rules == nil {
		s.Rules = []string{"acquire:"}
	}
	var rules []string
	for _, rule := range s.Rules {
		right, scope, _ := strings.Cut(rule, ":")
		rules = append(rules, right+":"+p.prefix+scope)
	}
	a.confirmed = a.answered()
	p.admin(func(ctx context.Context, admin *lockd.Client) error {
		_, err := admin.SetPrincipal(ctx, a.principal, rules...)
		return err
	})
}

// writeToken creates a token of a principal and replaces the token file of a client.
func (p *play) writeToken(a *actor, principal string) {
	p.t.Helper()
	p.admin(func(ctx context.Context, admin *lockd.Client) (err error) {
		a.token, err = admin.CreateToken(ctx, lockd.TokenOptions{Principal: principal})
		return err
	})
	fresh := filepath.Join(a.dir, tokenFile+".new")
	if err := os.WriteFile(fresh, []byte(a.token.Token+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(fresh, filepath.Join(a.dir, tokenFile)); err != nil {
		p.t.Fatal(err)
	}
}

// revoke revokes a token, and waits until every node refuses it.
func (p *play) revoke(token *lockd.AccessToken) {
	p.t.Helper()
	p.admin(func(ctx context.Context, admin *lockd.Client) error {
		_, err := admin.RevokeToken(ctx, token.ID, lockd.RevokeOptions{})
		return err
	})
	p.refused(token, http.StatusUnauthorized)
}

// refused sends requests with a token until every node refuses them with a status.
func (p *play) refused(token *lockd.AccessToken, status int) {
	p.t.Helper()
	client := p.secured.authorities.HTTPClient(p.secured.authorities.Dir)
	defer client.CloseIdleConnections()
	client.Transport = withToken{token.Token, client.Transport}
	for _, n := range p.cluster.Nodes {
		api := nodes.API{HTTP: n.HTTP, Secure: client}
		nodes.Eventually(p.t, fmt.Sprintf("%s refuses the token with %d", n.Name, status), func() bool {
			return api.Get("/v1/auth").Status == status
		})
	}
}

// rotateToken replaces the token in a client's file and revokes the previous one. The new token can
// be one of another principal.
func (p *play) rotateToken(s step) {
	p.t.Helper()
	a := p.clients[s.Client]
	previous := a.token
	principal := a.principal
	if s.Principal != "" {
		principal = p.prefix + s.Principal
	}
	p.writeToken(a, principal)
	p.revoke(previous)
}

// replaceToken replaces the token in a client's file.
func (p *play) replaceToken(s step) {
	p.t.Helper()
	a := p.clients[s.Client]
	p.writeToken(a, a.principal)
}

// revokeToken revokes the token in a client's file.
func (p *play) revokeToken(s step) {
	p.t.Helper()
	a := p.clients[s.Client]
	a.confirmed = a.answered()
	p.revoke(a.token)
}

// lockToken sends requests with a client's revoked token until every node answers 429 to it.
func (p *play) lockToken(s step) {
	p.t.Helper()
	p.refused(p.clients[s.Client].token, http.StatusTooManyRequests)
}

func (p *play) writeCertificate(a *actor, life time.Duration) {
	p.t.Helper()
	from := p.secured.authorities.ClientFor(a.principal, life)
	p.secured.authorities.Copy(from, a.dir, pki.ClientKey, pki.ClientFile)
}

// rotateCertificate replaces the files of a client's certificate, waits until the previous one has
// expired, and closes the client's connections.
func (p *play) rotateCertificate(s step) {
	p.t.Helper()
	a := p.clients[s.Client]
	p.writeCertificate(a, time.Hour)
	<-time.After(time.Until(a.expires))
	p.eachLink(s, (*lockdtest.Link).Cut)
}

// answer waits until a client has received an answer to a request that it sends from now on.
func (p *play) answer(s step) {
	p.t.Helper()
	from := time.Now()
	nodes.Eventually(p.t, s.Client+" has an answer", func() bool { return p.clients[s.Client].answered().After(from) })
}
