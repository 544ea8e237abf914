package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"strings"
)

// tokenPrefix marks a token, so that scanners for secrets recognise one.
const tokenPrefix = "lockd_"

// TokenIDLength is how many characters the public ID of a token has.
const TokenIDLength = 10

const (
	idLength    = TokenIDLength
	secretBytes = 32
	sumLength   = 6
)

// ErrTokenForm is the error of a text that cannot be a token: it is not looked up.
var ErrTokenForm = errors.New("not a token of the form lockd_ID_SECRET_CHECKSUM, or mistyped")

// A Token is a credential as its owner has it. Its ID is public; the rest is secret, so
// String shows the ID alone.
type Token struct {
	ID     string
	secret string
}

const idAlphabet = "abcdefghijkmnpqrstuvwxyz23456789" // 32 characters without l, o, 0 and 1

// NewToken makes a token from 32 random bytes and an ID.
func NewToken(random io.Reader) (Token, error) {
	var b [idLength + secretBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return Token{}, fmt.Errorf("read random bytes for a token: %w", err)
	}
	id := make([]byte, idLength)
	for i := range id {
		id[i] = idAlphabet[b[i]%byte(len(idAlphabet))]
	}
	return Token{ID: string(id), secret: base64.RawURLEncoding.EncodeToString(b[idLength:])}, nil
}

var tokenForm = regexp.MustCompile(`^lockd_([a-z2-9]{10})_([A-Za-z0-9_-]{43})_([A-Za-z0-9_-]{6})$`)

var tokenID = regexp.MustCompile(`^[a-z2-9]{10}$`)

// ValidTokenID reports whether a text has the form of a token's ID.
func ValidTokenID(id string) bool { return tokenID.MatchString(id) }

// ParseToken reads a token. A mistyped one is found by its checksum.
func ParseToken(text string) (Token, error) {
	m := tokenForm.FindStringSubmatch(text)
	if m == nil || m[3] != checksum(m[1], m[2]) {
		return Token{}, ErrTokenForm
	}
	return Token{ID: m[1], secret: m[2]}, nil
}

// LooksLikeToken reports whether a credential means to be a token of this form.
func LooksLikeToken(text string) bool { return strings.HasPrefix(text, tokenPrefix) }

// Secret returns the whole token. Show it once, to its owner.
func (t Token) Secret() string {
	return tokenPrefix + t.ID + "_" + t.secret + "_" + checksum(t.ID, t.secret)
}

// String is safe to log.
func (t Token) String() string { return tokenPrefix + t.ID + "_…" }

// GoString is safe to log, too.
func (t Token) GoString() string { return t.String() }

// Hash is what is stored of the secret. 256 random bits need no stretching.
func (t Token) Hash() [sha256.Size]byte { return sha256.Sum256([]byte(t.secret)) }

// Is reports, in constant time, whether the token's secret has the hash.
func (t Token) Is(hash [sha256.Size]byte) bool {
	own := t.Hash()
	return subtle.ConstantTimeCompare(own[:], hash[:]) == 1
}

func checksum(id, secret string) string {
	sum := crc32.ChecksumIEEE([]byte(id + "_" + secret))
	return base64.RawURLEncoding.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})[:sumLength]
}
