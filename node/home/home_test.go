package home

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
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

func TestInitMakesAnExistingFolderPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions work differently there")
	}
	h := Home{t.TempDir()}
	for range 2 { // made, and made again
		if err := os.Chmod(h.Path, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.Init("edge"); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(h.Path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
}

func TestASocketFolderOfAnotherUserIsNotUsed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	t.Setenv("TMPDIR", t.TempDir())
	h := Home{"/" + strings.Repeat("long/", 30)}
	path, err := h.SocketPath()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Dir(path), 4711, -1); err != nil {
		t.Fatal(err)
	}
	var refused *api.Error
	if _, err := h.SocketPath(); !errors.As(err, &refused) || refused.Code != api.CodeRefused || refused.Hint == "" {
		t.Errorf("another user's folder: %v", err)
	}
}
