package p2p

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/peers"
)

func TestValidateNamesTheFieldAndTheRange(t *testing.T) {
	for _, p := range []Profile{ProfileEdge, ProfileTrainer} {
		if err := DefaultConfig(p).Validate(); err != nil {
			t.Errorf("default %s: %v", p, err)
		}
	}
	tests := []struct {
		field  string
		change func(*Config)
	}{
		{"Mesh", func(c *Config) { c.Mesh = "No Spaces" }},
		{"Profile", func(c *Config) { c.Profile = "phone" }},
		{"Role", func(c *Config) { c.Role = strings.Repeat("r", peers.MaxRole+1) }},
		{"Agent", func(c *Config) { c.Agent = strings.Repeat("a", peers.MaxAgent+1) }},
		{"AnnounceMin", func(c *Config) { c.AnnounceMin = 0 }},
		{"AnnounceMax", func(c *Config) { c.AnnounceMax = c.AnnounceMin - 1 }},
		{"Redial", func(c *Config) { c.RedialMax = 0 }},
		{"HelloWait", func(c *Config) { c.HelloWait = 0 }},
		{"KnownPeers", func(c *Config) { c.KnownPeers = -1 }},
		{"Now", func(c *Config) { c.Now = nil }},
		{"Listen", func(c *Config) { c.Listen = nil }},
		{"/ip4/127.0.0.1/tcp/1/ws", func(c *Config) { c.Listen = []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/1/ws")} }},
	}
	for _, tt := range tests {
		cfg := DefaultConfig(ProfileEdge)
		tt.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), tt.field) {
			t.Errorf("%s: error %v does not name it", tt.field, err)
		}
	}
}

func TestAnIdentityIsMadeOnceAndKeptPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity")
	first, err := LoadOrCreateIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadOrCreateIdentity(path)
	if err != nil || !again.Equals(first) {
		t.Errorf("second load: %v, same key %v", err, err == nil && again.Equals(first))
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".identity-*")); len(left) != 0 {
		t.Errorf("temporary files stay: %v", left)
	}
	if runtime.GOOS != "windows" {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadOrCreateIdentity(path); err == nil || !strings.Contains(err.Error(), "0644") {
			t.Errorf("a key that others can read: %v", err)
		}
	}
	if err := os.WriteFile(path, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(path, 0o600)
	if _, err := LoadOrCreateIdentity(path); err == nil {
		t.Error("a damaged identity was accepted or replaced")
	}
}
