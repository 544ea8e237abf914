package jwt

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeySet    = 64 << 10 // bytes
	fetchTimeout = 5 * time.Second
	fetchEvery   = time.Hour
	fetchPause   = time.Minute // between two attempts, also for a key that is not known
	minRSABits   = 2_048
)

// keys are the keys of the issuer. If they cannot be read again, the old ones stay in use. It is safe for concurrent use.
type keys struct {
	read func(context.Context) ([]byte, error)
	now  func() time.Time
	log  *slog.Logger

	mu      sync.Mutex // guards the rest
	set     jose.JSONWebKeySet
	fetched time.Time // when they were read
	tried   time.Time // when that was last tried
}

// find returns a key for a signature. It reads the keys again once an hour, and for an ID that is not known.
func (k *keys) find(ctx context.Context, id string, a jose.SignatureAlgorithm) (any, error) {
	found, stale := k.known(id)
	if stale {
		if err := k.refresh(ctx); err != nil {
			k.log.Warn("the keys of the issuer of JSON Web Tokens were not read: the old ones stay in use", "err", err)
		}
		found, _ = k.known(id)
	}
	for i := range found {
		if fits(&found[i], a) {
			return found[i].Key, nil
		}
	}
	return nil, errors.New("no key of the issuer has its kid and its algorithm")
}

// known returns the keys with an ID, and whether the caller must read the keys again.
func (k *keys) known(id string) (found []jose.JSONWebKey, stale bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found = k.set.Key(id)
	now := k.now()
	if (len(found) == 0 || now.Sub(k.fetched) >= fetchEvery) && (k.tried.IsZero() || now.Sub(k.tried) >= fetchPause) {
		k.tried, stale = now, true
	}
	return found, stale
}

// refresh reads the keys. It holds no lock while it does, so that a slow issuer delays only one caller.
func (k *keys) refresh(ctx context.Context) error {
	raw, err := k.read(ctx)
	if err != nil {
		return err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		return fmt.Errorf("they are not a JSON Web Key Set: %w", err)
	}
	if len(set.Keys) == 0 {
		return errors.New("the set has no key")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set, k.fetched, k.tried = set, k.now(), k.now()
	return nil
}

// fits reports whether a key is one for an algorithm: its type, its size and what it states about its use.
func fits(key *jose.JSONWebKey, a jose.SignatureAlgorithm) bool {
	if !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" || key.Algorithm != "" && key.Algorithm != string(a) {
		return false
	}
	switch public := key.Key.(type) {
	case ed25519.PublicKey:
		return a == jose.EdDSA
	case *ecdsa.PublicKey:
		return a == jose.ES256 && public.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return a == jose.RS256 && public.N.BitLen() >= minRSABits
	}
	return false
}

// fromFile reads the keys from a file.
func fromFile(path string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readAll(f)
	}
}

// fromURL reads the keys by HTTPS. It follows no redirect.
func fromURL(client *http.Client, address string) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		// The keys are for all callers, so that the end of this one does not matter.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("the answer has status %d", resp.StatusCode)
		}
		return readAll(resp.Body)
	}
}

func readAll(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxKeySet+1))
	if err == nil && len(raw) > maxKeySet {
		err = fmt.Errorf("it has more than %d bytes", maxKeySet)
	}
	return raw, err
}

func algorithmOf(name string) jose.SignatureAlgorithm { return jose.SignatureAlgorithm(name) }
