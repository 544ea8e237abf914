package view

import "github.com/lockd/lockd/internal/access"

// A Token is a token of a principal, without its secret unless it was just created.
type Token struct {
	ID        string   `json:"id"`
	Principal string   `json:"principal"`
	Rules     []string `json:"rules"`                // what the token allows now
	ExpiresAt string   `json:"expires_at,omitempty"` // absent: never
	CreatedAt string   `json:"created_at"`
	CreatedBy string   `json:"created_by,omitempty"`
	Token     string   `json:"token,omitempty"` // the token itself: only in the answer that creates it
}

// NewToken returns the body of a token that allows some rules.
func NewToken(t *access.Record, allows access.Rules) Token {
	b := Token{ID: t.ID, Principal: t.Principal, Rules: allows.Strings(), CreatedAt: Time(t.Created), CreatedBy: t.CreatedBy}
	if t.Expires != 0 {
		b.ExpiresAt = Time(t.Expires)
	}
	return b
}
