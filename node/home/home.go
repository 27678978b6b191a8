// Package home is the folder of one node: where its key, configuration, blocks,
// state, lock and socket are, how they are created, and their permissions.
package home

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/configs"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/train/atomicfile"
)

// homeVersion is the layout version written to the file "version".
const homeVersion = "1"

// socketPathLimit is the longest path of a Unix socket that every system accepts.
const socketPathLimit = 100

// Home is the folder of one node: key, configuration, blocks, lock, socket.
type Home struct{ Path string }

// Find is the home named by $DISTILLMESH_PATH, else ~/.distillmesh. A ~ that no
// shell has expanded, as in a file of environment variables, stands for the
// user's home directory.
func Find() (Home, error) {
	path := os.Getenv("DISTILLMESH_PATH")
	if path != "" && path[0] != '~' {
		abs, err := filepath.Abs(path)
		return Home{abs}, err
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return Home{}, api.Fail(api.CodeUsage, "set DISTILLMESH_PATH to the whole path of a folder",
			"find the node's home: %w", err)
	}
	switch {
	case path == "":
		return Home{filepath.Join(user, ".distillmesh")}, nil
	case path == "~" || os.IsPathSeparator(path[1]):
		return Home{filepath.Join(user, path[1:])}, nil
	}
	return Home{}, api.Fail(api.CodeUsage, "write the whole path; a folder whose name begins with ~ is written ./~NAME",
		"DISTILLMESH_PATH is %s: only ~ and ~/FOLDER stand for your home directory", path)
}

// File is the path of something in the home.
func (h Home) File(name string) string { return filepath.Join(h.Path, name) }

// ConfigPath is where config.toml is.
func (h Home) ConfigPath() string { return h.File("config.toml") }

// ReportPath is where the report on how registered data were read is kept.
func (h Home) ReportPath(name string) string { return h.File(filepath.Join("data", name+".json")) }

// SheetPath is where the contact sheet of registered images is kept.
func (h Home) SheetPath(name string) string { return h.File(filepath.Join("data", name+".png")) }

// RemoveReport removes the report and contact sheet of data that are no longer registered.
func (h Home) RemoveReport(name string) {
	os.Remove(h.ReportPath(name)) // a leftover only costs space
	os.Remove(h.SheetPath(name))
}

// UploadPath is the folder where files that are sent to the running node wait.
func (h Home) UploadPath() string { return h.File("incoming") }

// ClearUploads removes what a killed node left there.
func (h Home) ClearUploads() error { return os.RemoveAll(h.UploadPath()) }

// Exists reports whether Init has completed here: the version is written last.
func (h Home) Exists() bool {
	v, err := os.ReadFile(h.File("version"))
	return err == nil && strings.TrimSpace(string(v)) != ""
}

// Init makes the home: identity, configuration with a free port, version. The
// folder becomes its owner's alone. Run again it changes nothing else. It returns the node's id.
func (h Home) Init(role string) (id string, created bool, err error) {
	if err := os.MkdirAll(h.Path, 0o700); err != nil {
		return "", false, err
	}
	if err := os.Chmod(h.Path, 0o700); err != nil { // a folder that was there may be open to others
		return "", false, err
	}
	if h.Exists() {
		id, err = h.ID()
		return id, false, err
	}
	key, err := h.firstKey()
	if err != nil {
		return "", false, err
	}
	if _, err := os.Stat(h.ConfigPath()); errors.Is(err, os.ErrNotExist) {
		port, err := freePort()
		if err != nil {
			return "", false, err
		}
		if err := atomicfile.Write(h.ConfigPath(), []byte(configFile(role, port))); err != nil {
			return "", false, err
		}
	}
	if err := atomicfile.Write(h.File("version"), []byte(homeVersion+"\n")); err != nil {
		return "", false, err
	}
	self, err := peer.IDFromPrivateKey(key)
	return self.String(), true, err
}

var (
	portLine = regexp.MustCompile(`(?m)^# port = 0 `)
	roleLine = regexp.MustCompile(`(?m)^role = "[a-z]+"`)
)

// configFile is the commented template with the port and role filled in.
func configFile(role string, port int) string {
	text := portLine.ReplaceAllString(configs.Template(role), "port = "+strconv.Itoa(port)+" ")
	return roleLine.ReplaceAllString(text, `role = "`+role+`"`)
}

// freePort finds a port that is free for TCP and UDP.
func freePort() (int, error) {
	for range 16 {
		l, err := net.Listen("tcp4", ":0")
		if err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp4", fmt.Sprintf(":%d", port))
		l.Close()
		if err == nil {
			u.Close()
			return port, nil
		}
	}
	return 0, errors.New("find a free port: none is free for both TCP and UDP")
}

// Config loads the configuration of this home with the environment on top.
func (h Home) Config() (configs.Config, error) { return configs.Load(h.ConfigPath(), os.Environ()) }

// ID reads the node's id from its key.
func (h Home) ID() (string, error) {
	if err := h.Check(); err != nil {
		return "", err
	}
	key, err := h.Key()
	if err != nil {
		return "", err
	}
	id, err := peer.IDFromPrivateKey(key)
	return id.String(), err
}

// firstKey is the key of a home that is being made: an existing one, else a new
// one. A home that has a store had a key.
func (h Home) firstKey() (crypto.PrivKey, error) {
	if _, err := os.Stat(h.File("store")); err == nil {
		return h.Key()
	}
	return p2p.LoadOrCreateIdentity(h.File("identity"))
}

// Key reads the node's key. Only Init makes keys: a home that has lost its key
// would otherwise become another node.
func (h Home) Key() (crypto.PrivKey, error) {
	key, err := p2p.LoadIdentity(h.File("identity"))
	if err != nil {
		return nil, api.Fail(api.CodeFailed,
			"bring the file back from a copy; without it the node cannot withdraw what it announced, and a new home "+
				"has to be made", "%w", err)
	}
	return key, nil
}

// Check refuses a folder that is no home, or a home of a newer version of the program.
func (h Home) Check() error {
	v, err := os.ReadFile(h.File("version"))
	if errors.Is(err, os.ErrNotExist) {
		return api.Fail(api.CodeUsage, "run 'distillmesh init' first, or set DISTILLMESH_PATH", "no node's home at %s",
			h.Path)
	}
	if err != nil {
		return err
	}
	got := strings.TrimSpace(string(v))
	if got == "" {
		return api.Fail(api.CodeUsage,
			"run 'distillmesh init' again: it writes the file, and keeps key and settings that are there",
			"%s is empty, as after a full disk or a power cut", h.File("version"))
	}
	if got != homeVersion {
		return api.Fail(api.CodeHere, "use a newer distillmesh", "home %s has layout version %s, this program knows %s",
			h.Path, got, homeVersion)
	}
	return nil
}

// Lock takes the home for this process, or fails with CodeBusy.
func (h Home) Lock() (*flock.Flock, error) {
	l := flock.New(h.File("repo.lock"))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", h.Path, err)
	}
	if !ok {
		return nil, api.Fail(api.CodeBusy, "stop it first, or set DISTILLMESH_PATH to another folder",
			"another process uses the home %s", h.Path)
	}
	return l, nil
}

// SocketPath is where the API's Unix socket goes: in the home, or in a short
// temporary folder when the home's path is too long for one.
func (h Home) SocketPath() (string, error) {
	if p := h.File("api.sock"); len(p) <= socketPathLimit {
		return p, nil
	}
	sum := sha256.Sum256([]byte(h.Path))
	dir := filepath.Join(os.TempDir(), "distillmesh-"+hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a folder for the API socket: %w", err)
	}
	// A folder of somebody else, or that others may write to, was not made by this program.
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() || !ownAlone(info) {
		return "", api.Fail(api.CodeRefused, "remove it, or choose a shorter DISTILLMESH_PATH",
			"%s is not a private folder", dir)
	}
	return filepath.Join(dir, "api.sock"), nil
}
