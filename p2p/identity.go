package p2p

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/crypto/pb"
)

// maxKeyFile bounds an identity file; an Ed25519 key takes 68 bytes.
const maxKeyFile = 4 << 10

// LoadOrCreateIdentity is LoadIdentity or, where there is no file, makes a key and
// writes it with mode 0600.
func LoadOrCreateIdentity(path string) (crypto.PrivKey, error) {
	key, err := LoadIdentity(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createIdentity(path)
	}
	return key, err
}

// LoadIdentity reads the node's Ed25519 key from path. A file that others can read,
// or that is not such a key, is an error: an identity is never replaced silently.
func LoadIdentity(path string) (crypto.PrivKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load identity: %w", err)
	}
	if err := checkPrivate(path); err != nil {
		return nil, fmt.Errorf("load identity %s: %w", path, err)
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("load identity %s: %d bytes is not a key", path, len(data))
	}
	key, err := crypto.UnmarshalPrivateKey(data)
	if err != nil {
		return nil, fmt.Errorf("load identity %s: %w", path, err)
	}
	if key.Type() != pb.KeyType_Ed25519 {
		return nil, fmt.Errorf("load identity %s: key type %v, want Ed25519", path, key.Type())
	}
	// A key is stored with its public half: damage to either shows in a signature.
	probe := []byte("is this key whole?")
	signature, err := key.Sign(probe)
	if err != nil {
		return nil, fmt.Errorf("load identity %s: %w", path, err)
	}
	if valid, err := key.GetPublic().Verify(probe, signature); err != nil || !valid {
		return nil, fmt.Errorf("load identity %s: the key is damaged: its halves do not belong together", path)
	}
	return key, nil
}

// createIdentity writes a fresh key under a temporary name and links it into
// place, so that a crash leaves no half-written key and of two racing processes
// only one makes the identity, which the other then loads.
func createIdentity(path string) (crypto.PrivKey, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("create identity: %w", err)
	}
	data, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("create identity: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".identity-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("create identity: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("create identity: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return LoadIdentity(path)
		}
		// Some file systems have no hard links.
		if err := os.Rename(f.Name(), path); err != nil {
			return nil, fmt.Errorf("create identity: %w", err)
		}
	}
	return key, nil
}
