package access

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// sealMark begins a sealed session. No session of a client has it.
const sealMark = "="

const sealedBytes = 16

// SealSession returns the first 16 bytes of SHA-256 over the cluster's salt and the session. Without a salt, the session
// is unchanged; so are a sealed session and the empty one.
func SealSession(salt, session string) string {
	if salt == "" || session == "" || IsSealed(session) {
		return session
	}
	sum := sha256.Sum256([]byte(salt + "\x00" + session))
	return sealMark + base64.RawURLEncoding.EncodeToString(sum[:sealedBytes])
}

// IsSealed reports whether a session is sealed, if it is a session at all: see ValidSeal.
func IsSealed(session string) bool { return strings.HasPrefix(session, sealMark) }

// ValidSeal reports whether a session has the length of a sealed one.
func ValidSeal(session string) bool {
	return len(session) == len(sealMark)+base64.RawURLEncoding.EncodedLen(sealedBytes)
}
