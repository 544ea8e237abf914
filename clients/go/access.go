package lockd

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// The modes of authentication.
const (
	AuthOff        = "off"        // no request needs a credential
	AuthPermissive = "permissive" // requests that AuthOn would refuse are logged, counted and served
	AuthOn         = "on"
)

// Auth is the mode of authentication, and who the caller is.
type Auth struct {
	Mode      string   `json:"mode"`
	By        string   `json:"by"`                  // the kind of the credential: token, cert, jwt, socket or none
	Principal string   `json:"principal,omitempty"` // "": none
	TokenID   string   `json:"token_id,omitempty"`
	Rules     []string `json:"rules,omitempty"`
}

// Auth returns the mode of authentication, and who the caller is.
func (c *Client) Auth(ctx context.Context) (*Auth, error) {
	a := new(Auth)
	return orNil(a, c.get(ctx, "/v1/auth", nil, a, a.validate))
}

// SetAuth changes the mode. While it is AuthOn, only the admin socket of a node can change it.
func (c *Client) SetAuth(ctx context.Context, mode string) (*Auth, error) {
	a := new(Auth)
	err := c.change(ctx, call{method: http.MethodPost, path: "/v1/auth", body: map[string]string{"mode": mode},
		out: a, validate: a.validate, repeatable: true})
	return orNil(a, err)
}

func (a *Auth) validate() error {
	if a.Mode == "" {
		return fmt.Errorf("%w: mode", errMissing)
	}
	return nil
}

// A Principal is what credentials lead to. Each of its rules has the form right or right:scope, such
// as acquire:billing.
type Principal struct {
	Name     string   `json:"name"`
	Rules    []string `json:"rules"`
	Revision uint64   `json:"revision"` // at which it was last set
}

// Principals returns all principals, in the order of their names.
func (c *Client) Principals(ctx context.Context) ([]Principal, error) {
	var all struct {
		Principals []Principal `json:"principals"`
	}
	err := c.get(ctx, "/v1/principals", nil, &all, func() error {
		if all.Principals == nil {
			return fmt.Errorf("%w: principals", errMissing)
		}
		return nil
	})
	return all.Principals, err
}

// SetPrincipal creates a principal, or replaces its rules. UpdatePrincipal does not overwrite the change of
// another administrator.
func (c *Client) SetPrincipal(ctx context.Context, name string, rules ...string) (*Principal, error) {
	p := new(Principal)
	err := c.change(ctx, call{method: http.MethodPut, path: "/v1/principals/" + url.PathEscape(name),
		body: map[string][]string{"rules": rules}, out: p, repeatable: true})
	return orNil(p, err)
}

// UpdatePrincipal sets the rules of a principal if its revision is still p.Revision, else it is
// refused with TypeRefused; with 0, it creates the principal.
func (c *Client) UpdatePrincipal(ctx context.Context, p Principal) (*Principal, error) {
	out := new(Principal)
	err := c.change(ctx, call{method: http.MethodPut, path: "/v1/principals/" + url.PathEscape(p.Name),
		body: map[string]any{"rules": p.Rules, "revision": p.Revision}, out: out, repeatable: true})
	return orNil(out, err)
}

// A Deletion is the response to the deletion of a principal or a token.
type Deletion struct {
	Name     string `json:"name,omitempty"`     // of the principal
	ID       string `json:"id,omitempty"`       // of the token
	Broken   int    `json:"broken,omitempty"`   // how many holds were broken
	WasGone  bool   `json:"was_gone,omitempty"` // the token had been revoked before
	Revision uint64 `json:"revision"`
}

// DeletePrincipal deletes a principal and its tokens. What it holds ends by its TTL.
func (c *Client) DeletePrincipal(ctx context.Context, name string) (*Deletion, error) {
	d := new(Deletion)
	return orNil(d, c.change(ctx, call{method: http.MethodDelete, path: "/v1/principals/" + url.PathEscape(name), out: d}))
}

// An AccessToken is a credential of a principal. It is not the fencing token of a hold.
type AccessToken struct {
	ID        string   `json:"id"`
	Principal string   `json:"principal"`
	Rules     []string `json:"rules"`               // what it allows now
	ExpiresAt Time     `json:"expires_at,omitzero"` // zero: never
	CreatedAt Time     `json:"created_at,omitzero"`
	CreatedBy string   `json:"created_by,omitempty"`
	Token     string   `json:"token,omitempty"` // the token itself, which only CreateToken returns
}

// Format prints the AccessToken without Token.
func (t AccessToken) Format(f fmt.State, verb rune) {
	type shown AccessToken // without this method
	if t.Token != "" {
		t.Token = hidden
	}
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), shown(t))
}

// Tokens returns all tokens to an administrator, and its own to another caller.
func (c *Client) Tokens(ctx context.Context) ([]AccessToken, error) {
	var all struct {
		Tokens []AccessToken `json:"tokens"`
	}
	err := c.get(ctx, "/v1/tokens", nil, &all, func() error {
		if all.Tokens == nil {
			return fmt.Errorf("%w: tokens", errMissing)
		}
		return nil
	})
	return all.Tokens, err
}

// TokenOptions describe a new token.
type TokenOptions struct {
	Principal string        // "": that of the caller
	Rules     []string      // at most those of the principal; nil: all of them
	ExpiresIn time.Duration // 0: it does not expire
}

type tokenBody struct {
	Principal string   `json:"principal,omitempty"`
	Rules     []string `json:"rules,omitempty"`
	ExpiresIn Millis   `json:"expires_in_ms,omitempty"`
}

// CreateToken creates a token. If an administrator states rules for a principal that does not exist,
// the principal is created with these rules. After an unknown outcome it is not repeated, because
// each call creates another token.
func (c *Client) CreateToken(ctx context.Context, opts TokenOptions) (*AccessToken, error) {
	t := new(AccessToken)
	err := c.change(ctx, call{method: http.MethodPost, path: "/v1/tokens",
		body: tokenBody{opts.Principal, opts.Rules, millis(opts.ExpiresIn)}, out: t, validate: func() error {
			if t.Token == "" {
				return fmt.Errorf("%w: token", errMissing)
			}
			return nil
		}})
	return orNil(t, err)
}

// RevokeOptions describe the revocation of a token.
type RevokeOptions struct {
	// Break ends all holds of the token's principal at once, and its places in queues. Without it, holds end by their TTL.
	Break bool
	// Principal is the principal of the token. With Break, the token need not exist any more, so a revocation that was
	// interrupted can be repeated.
	Principal string
}

// RevokeToken revokes a token by its ID. With Break and Principal it is repeated after an unknown outcome.
func (c *Client) RevokeToken(ctx context.Context, id string, opts RevokeOptions) (*Deletion, error) {
	d := new(Deletion)
	cl := call{method: http.MethodDelete, path: "/v1/tokens/" + url.PathEscape(id), query: url.Values{}, out: d,
		repeatable: opts.Break && opts.Principal != ""}
	if opts.Break {
		cl.query.Set("break", "true")
	}
	setIf(cl.query, "principal", opts.Principal)
	return orNil(d, c.change(ctx, cl))
}

// change sends a change of the principals, the tokens or the mode.
func (c *Client) change(ctx context.Context, cl call) error {
	cl.timeout = c.attemptTimeout(0)
	_, err := c.do(ctx, cl)
	return err
}
