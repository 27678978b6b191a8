package home

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/node/api"
)

func TestATildeStandsForTheUsersFolder(t *testing.T) {
	user := t.TempDir()
	t.Setenv("HOME", user)
	t.Setenv("USERPROFILE", user)
	for path, want := range map[string]string{"~": user, "~/mesh": filepath.Join(user, "mesh"), "": filepath.Join(user,
		".distillmesh"), "/srv/mesh": "/srv/mesh"} {
		t.Setenv("DISTILLMESH_PATH", path)
		abs, err := filepath.Abs(want)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := Find(); err != nil || h.Path != abs {
			t.Errorf("%q: home %q, %v, want %q", path, h.Path, err, abs)
		}
	}
	t.Setenv("DISTILLMESH_PATH", "~someone/mesh")
	if h, err := Find(); err == nil || api.Describe(err).Code != api.CodeUsage || api.Describe(err).Hint == "" {
		t.Errorf("another user's folder: %q, %v", h.Path, err)
	}
}

// A version file that was cut short has a way out that keeps the key.
func TestAnEmptyVersionIsMendedByInit(t *testing.T) {
	for _, content := range []string{"", "\n"} {
		h := Home{Path: t.TempDir()}
		id, _, err := h.Init("edge")
		if err != nil {
			t.Fatal(err)
		}
		settings, err := os.ReadFile(h.ConfigPath())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.File("version"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = h.ID()
		if d := api.Describe(err); err == nil || d.Code != api.CodeUsage || !strings.Contains(d.Message,
			"version is empty") || !strings.Contains(d.Hint, "distillmesh init") {
			t.Errorf("version %q: %v", content, err)
		}
		again, _, err := h.Init("trainer")
		if err != nil || again != id {
			t.Errorf("version %q: init gives %s, %v, want %s", content, again, err, id)
		}
		if now, err := os.ReadFile(h.ConfigPath()); err != nil || string(now) != string(settings) {
			t.Errorf("version %q: other settings, %v", content, err)
		}
		if now, err := h.ID(); err != nil || now != id {
			t.Errorf("version %q: mended to %s, %v", content, now, err)
		}
	}
}

// A home that lost its key beside the version gets no other key in silence.
func TestInitMakesNoSecondKeyForAStore(t *testing.T) {
	h := Home{Path: t.TempDir()}
	if _, _, err := h.Init("edge"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.File("store"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"version", "identity"} {
		if err := os.Remove(h.File(name)); err != nil {
			t.Fatal(err)
		}
	}
	if id, _, err := h.Init("edge"); err == nil {
		t.Errorf("a new key %s", id)
	}
}
