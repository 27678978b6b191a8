package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestDefaultsAndReadyFilesAreValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	for _, role := range []string{"edge", "trainer"} {
		c, err := Parse(Default(), []byte(Template(role)))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err != nil || c.Mesh.Role != role {
			t.Errorf("%s: role %s, %v", role, c.Mesh.Role, err)
		}
	}
}

// The commented lines of the ready files must be real keys that show the
// defaults: uncommenting them all must change nothing but what is set already.
func TestReadyFilesShowTheDefaults(t *testing.T) {
	comment := regexp.MustCompile(`(?m)^# ([a-z_]+ = )`)
	for _, role := range []string{"edge", "trainer"} {
		all := comment.ReplaceAllString(Template(role), "$1")
		got, err := Parse(Default(), []byte(all))
		if err != nil {
			t.Fatal(err)
		}
		want, _ := Parse(Default(), []byte(Template(role)))
		got.Mesh.Listen, got.Mesh.Bootstrap = nil, nil // empty and absent mean the same
		if strings.Compare(dump(got), dump(want)) != 0 {
			t.Errorf("%s:\n%s\nwant\n%s", role, dump(got), dump(want))
		}
	}
}

func dump(c Config) string {
	var b strings.Builder
	for _, section := range []any{c.Mesh, c.Storage, c.Publish, c.Trainer, c.Trust, c.Log} {
		b.WriteString(strings.TrimSpace(strings.ReplaceAll(strings.TrimSpace(fmt.Sprintf("%+v", section)), "[]", "")))
	}
	return b.String()
}

func TestBadFilesNameFieldValueAndRange(t *testing.T) {
	for file, want := range map[string]string{
		"[mesh]\nmnds = true\n":              `unknown key "mesh.mnds"; did you mean "mesh.mdns"?`,
		"[mesh]\nrole = \"boss\"\n":          "mesh.role is boss, want auto, edge or trainer",
		"[mesh]\nrole = \"auto edge\"\n":     "mesh.role is auto edge, want auto, edge or trainer",
		"[publish]\nlicence = \"\\u001b\"\n": "publish.licence is \"\\x1b\", want one line of characters that print",
		"[mesh]\nport = 70000\n":             "mesh.port is 70000, want 0..65535",
		"[storage]\nquota = \"12 apples\"":   "size",
		"[mesh]\nbootstrap = [\"here\"]\n":   "mesh.bootstrap is here, want an address that ends in /p2p/",
		"[mesh]\nlisten = [\"here\"]\n":      "mesh.listen is here",
		"[mesh\n":                            "line 1",
	} {
		path := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, nil)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", file, err, want)
		}
	}
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte("[mesh]\nname = \"file\"\nport = 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, []string{"DISTILLMESH_MESH_NAME=env", "DISTILLMESH_STORAGE_QUOTA=3MiB",
		"DISTILLMESH_PATH=/elsewhere",
		"DISTILLMESH_MESH_BOOTSTRAP=/ip4/127.0.0.1/tcp/1/p2p/" + someID + ",/ip4/127.0.0.1/tcp/2/p2p/" + someID,
		"DISTILLMESH_TRAINER_AUTO=true"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Mesh.Name != "env" || c.Mesh.Port != 7 || c.Storage.Quota != 3<<20 || len(c.Mesh.Bootstrap) != 2 ||
		!c.Trainer.Auto {
		t.Errorf("got %+v", c)
	}
	if _, err := Load(path, []string{"DISTILLMESH_MESH_PORT=x"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("bad variable: got %v", err)
	}
	if _, err := Load(path, []string{"DISTILLMESH_STORAGE_QOUTA=1GB"}); !errors.Is(err, ErrInvalid) ||
		!strings.Contains(err.Error(), "DISTILLMESH_STORAGE_QUOTA") {
		t.Errorf("a misspelt variable: got %v", err)
	}
}

func TestSizesPrintAndParseBack(t *testing.T) {
	for _, s := range []Size{0, 1, 1000, 1 << 10, 3 << 20, 2 << 30, 5<<30 + 1} {
		if got, err := ParseSize(s.String()); err != nil || got != s {
			t.Errorf("%d prints %s, reads %d, %v", int64(s), s, got, err)
		}
	}
	if got, _ := ParseSize("1.5MB"); got != 1_500_000 {
		t.Errorf("1.5MB is %d", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(Template("edge")))
	f.Add([]byte(Template("trainer")))
	f.Fuzz(func(t *testing.T, file []byte) {
		if c, err := Parse(Default(), file); err == nil {
			_ = c.Validate()
		}
	})
}

// someID is a well-formed id of a node.
const someID = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"

// An editor's byte-order mark is no part of the file; another encoding is named.
func TestAByteOrderMarkIsPassedOver(t *testing.T) {
	const mark = "\xef\xbb\xbf"
	file := []byte(mark + "[mesh]\nname = \"marked\"\n")
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(path, nil); err != nil || c.Mesh.Name != "marked" {
		t.Errorf("read name %q, %v", c.Mesh.Name, err)
	}
	settings, err := Explain(file, nil)
	if err != nil || len(settings) == 0 {
		t.Fatalf("explained as %v, %v", settings, err)
	}
	for _, s := range settings {
		if s.Key == "mesh.name" && (s.Value != "marked" || s.Origin != "file") {
			t.Errorf("explained as %+v", s)
		}
	}
	if _, err := Parse(Default(), []byte("\xff\xfe[\x00m\x00")); !errors.Is(err, ErrInvalid) ||
		!strings.Contains(err.Error(), "save it as UTF-8") {
		t.Errorf("UTF-16: %v", err)
	}
}

func TestABootstrapAddressNamesItsNode(t *testing.T) {
	for address, ok := range map[string]bool{
		"/ip4/203.0.113.5/tcp/4001/p2p/" + someID: true, "/dns4/example.org/udp/4001/quic-v1/p2p/" + someID: true,
		"/ip4/203.0.113.5/tcp/4001": false, "203.0.113.5:4001": false, someID: false, "": false,
		"/ip4/203.0.113.5/tcp/4001/p2p/short": false,
		"/p2p/" + someID + "/ip4/203.0.113.5": false,
	} {
		c := Default()
		c.Mesh.Bootstrap = []string{address}
		err := c.Validate()
		if (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "/p2p/12D3Koo") ||
			!strings.Contains(err.Error(), "distillmesh status")) {
			t.Errorf("%q: no way out in %q", address, err)
		}
	}
}
