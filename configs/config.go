// Package configs is the typed configuration of a node: its fields, defaults
// and checks, and ready files for an edge device and a trainer. A value comes
// from a flag, else DISTILLMESH_SECTION_KEY in the environment, else the file,
// else the default.
package configs

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/multiformats/go-multiaddr"
	"github.com/pelletier/go-toml/v2"
)

// Ready files.
var (
	//go:embed edge.toml
	edgeFile string
	//go:embed trainer.toml
	trainerFile string
)

// ErrInvalid is wrapped by every refusal of this package.
var ErrInvalid = errors.New("invalid configuration")

// Config holds all settings of a node.
type Config struct {
	Mesh    Mesh    `toml:"mesh"`
	Storage Storage `toml:"storage"`
	Publish Publish `toml:"publish"`
	Trainer Trainer `toml:"trainer"`
	Trust   Trust   `toml:"trust"`
	Log     Log     `toml:"log"`
}

// Mesh says which nodes to connect to, and how.
type Mesh struct {
	// Name keeps meshes apart: nodes of other names are refused. Default open.
	Name string `toml:"name"`
	// Role is auto, edge or trainer. Default auto: a trainer where a GPU passes its self-test, else an edge.
	Role string `toml:"role"`
	// Listen are the addresses to accept connections on. Default: TCP and QUIC
	// on every interface, on Port.
	Listen []string `toml:"listen"`
	// Port is the TCP and UDP port, chosen by init and kept. 0: a free one at
	// every start.
	Port int `toml:"port"`
	// Bootstrap are nodes to connect to at the start and whenever no peer is connected.
	Bootstrap []string `toml:"bootstrap"`
	// MDNS finds nodes on the same LAN. Default true.
	MDNS bool `toml:"mdns"`
	// Announce is the mean time between two announcements of the same thing.
	// Default 20m; a shorter time costs every node bandwidth.
	Announce Duration `toml:"announce"`
}

// Storage limits what is stored.
type Storage struct {
	// Quota bounds the block store; publishing and fetching beyond it are
	// refused. Default 2GiB.
	Quota Size `toml:"quota"`
}

// Publish holds the settings of published sets and models.
type Publish struct {
	// Licence is written into sets and models. Default none.
	Licence string `toml:"licence"`
}

// Trainer holds what a trainer does automatically.
type Trainer struct {
	// Auto trains whenever the sets of a task have changed. Default false.
	Auto bool `toml:"auto"`
	// Model is what Auto trains: lenet, mlp, ntk:DEPTH, or auto for what the
	// sets were made for, else lenet. Default auto.
	Model string `toml:"model"`
	// Device is where Auto trains: auto, cpu, or the ID of a GPU. Default auto.
	Device string `toml:"device"`
	// MaxTasks bounds how many announced tasks are joined. Default 64.
	MaxTasks int `toml:"max_tasks"`
	// MaxSetSize is the largest set fetched. Default 64MiB.
	MaxSetSize Size `toml:"max_set_size"`
	// MinRate is how many bytes per second a fetch must bring on the average; a
	// slower one is given up. Default 16KiB.
	MinRate Size `toml:"min_rate"`
	// Settle is how long the sets of a task must be unchanged before Auto
	// trains. Default 30s.
	Settle Duration `toml:"settle"`
}

// Trust says how long this node remembers what it found about others.
type Trust struct {
	// ForgetAfter is how long a score that failed verification here counts against its
	// signer. Default 720h, thirty days.
	ForgetAfter Duration `toml:"forget_after"`
}

// Log says what is written to standard error.
type Log struct {
	// Level is debug, info, warn or error. Default info.
	Level string `toml:"level"`
}

// Default is the configuration without file, environment and flags.
func Default() Config {
	return Config{
		Mesh:    Mesh{Name: "open", Role: "auto", MDNS: true, Announce: Duration(20 * time.Minute)},
		Storage: Storage{Quota: 2 << 30},
		Trainer: Trainer{Model: "auto", Device: "auto", MaxTasks: 64, MaxSetSize: 64 << 20, MinRate: 16 << 10,
			Settle: Duration(30 * time.Second)},
		Trust: Trust{ForgetAfter: Duration(30 * 24 * time.Hour)},
		Log:   Log{Level: "info"},
	}
}

// Template is the commented file for a role: edge (also for auto) or trainer.
func Template(role string) string {
	if role == "trainer" {
		return trainerFile
	}
	return edgeFile
}

// Load reads the file at path over the defaults, then the environment; a
// missing file is an empty one.
func Load(path string, environ []string) (Config, error) {
	c := Default()
	file, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	if c, err = Parse(c, file); err != nil {
		return c, fmt.Errorf("read %s: %w", path, err)
	}
	if err := applyEnvironment(&c, environ); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// Parse reads TOML over a base. An unknown key is refused, with the nearest
// known one.
func Parse(base Config, file []byte) (Config, error) {
	file, err := plain(file)
	if err != nil {
		return base, err
	}
	dec := toml.NewDecoder(bytes.NewReader(file))
	dec.DisallowUnknownFields()
	err = dec.Decode(&base)
	var strict *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		key := strings.Join(strict.Errors[0].Key(), ".")
		line, _ := strict.Errors[0].Position()
		return base, fmt.Errorf("%w: line %d: unknown key %q; did you mean %q?", ErrInvalid, line, key, nearestKey(key))
	case errors.As(err, &decode):
		line, column := decode.Position()
		return base, fmt.Errorf("%w: line %d, column %d: %w", ErrInvalid, line, column, decode)
	case err != nil:
		return base, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return base, nil
}

// deviceName is the form of the name of a device.
var deviceName = regexp.MustCompile(`^(auto|cpu|(cuda|opencl):(0|[1-9][0-9]{0,2}))$`)

// plain removes the byte-order mark that some editors write before UTF-8.
func plain(file []byte) ([]byte, error) {
	if bytes.HasPrefix(file, []byte("\xff\xfe")) || bytes.HasPrefix(file, []byte("\xfe\xff")) {
		return nil, fmt.Errorf("%w: the file is in UTF-16: save it as UTF-8", ErrInvalid)
	}
	return bytes.TrimPrefix(file, []byte("\xef\xbb\xbf")), nil
}

// Validate names the first field that is out of range, its value and the range.
func (c Config) Validate() error {
	bad := func(key string, value any, want string) error {
		return fmt.Errorf("%w: %s is %v, want %s", ErrInvalid, key, value, want)
	}
	oneOf := func(v string, all ...string) bool { return slices.Contains(all, v) }
	switch {
	case c.Mesh.Name == "" || len(c.Mesh.Name) > 64 || strings.ContainsAny(c.Mesh.Name, "/ \t\n"):
		return bad("mesh.name", fmt.Sprintf("%q", c.Mesh.Name), "1..64 characters without space or slash")
	case !oneOf(c.Mesh.Role, "auto", "edge", "trainer"):
		return bad("mesh.role", c.Mesh.Role, "auto, edge or trainer")
	case c.Mesh.Port < 0 || c.Mesh.Port > 65535:
		return bad("mesh.port", c.Mesh.Port, "0..65535")
	case c.Mesh.Announce.Std() < time.Second || c.Mesh.Announce.Std() > 24*time.Hour:
		return bad("mesh.announce", c.Mesh.Announce, "1s..24h")
	case c.Storage.Quota < 1<<20:
		return bad("storage.quota", c.Storage.Quota, "at least 1MiB")
	case !deviceName.MatchString(c.Trainer.Device):
		return bad("trainer.device", fmt.Sprintf("%q", c.Trainer.Device), "auto, cpu, cuda:N or opencl:N")
	case c.Trainer.MaxTasks < 1 || c.Trainer.MaxTasks > 4096:
		return bad("trainer.max_tasks", c.Trainer.MaxTasks, "1..4096")
	case c.Trainer.MaxSetSize < 1<<10:
		return bad("trainer.max_set_size", c.Trainer.MaxSetSize, "at least 1KiB")
	case c.Trainer.MinRate < 1:
		return bad("trainer.min_rate", c.Trainer.MinRate, "at least 1B")
	case c.Trainer.Settle.Std() < 0:
		return bad("trainer.settle", c.Trainer.Settle, "at least 0s")
	case c.Trust.ForgetAfter.Std() < 0 || c.Trust.ForgetAfter.Std() > 10*365*24*time.Hour:
		return bad("trust.forget_after", c.Trust.ForgetAfter, "0s to ten years")
	case strings.ContainsFunc(c.Publish.Licence, func(r rune) bool { return !unicode.IsPrint(r) }):
		return bad("publish.licence", fmt.Sprintf("%q", c.Publish.Licence), "one line of characters that print")
	case !oneOf(c.Log.Level, "debug", "info", "warn", "error"):
		return bad("log.level", c.Log.Level, "debug, info, warn or error")
	}
	for _, s := range c.Mesh.Listen {
		if _, err := multiaddr.NewMultiaddr(s); err != nil {
			return bad("mesh.listen", s, "multiaddrs such as /ip4/192.168.1.7/tcp/4001")
		}
	}
	for _, s := range c.Mesh.Bootstrap {
		if !namesNode(s) {
			return bad("mesh.bootstrap", s, "an address that ends in /p2p/ and the id of the node there, "+
				"such as /ip4/192.168.1.7/tcp/4001/p2p/12D3Koo...: "+
				"'distillmesh run' on that node prints it whole, and 'distillmesh status' there while it runs")
		}
	}
	return nil
}

// namesNode reports whether an address ends in the id of a node.
func namesNode(s string) bool {
	a, err := multiaddr.NewMultiaddr(s)
	if err != nil {
		return false
	}
	protocols := a.Protocols()
	return protocols[len(protocols)-1].Code == multiaddr.P_P2P
}

// ListenAddrs are the addresses to listen on: Listen when set, else TCP and
// QUIC on every interface at Port.
func (m Mesh) ListenAddrs() []string {
	if len(m.Listen) > 0 {
		return m.Listen
	}
	var out []string
	for _, host := range []string{"/ip4/0.0.0.0", "/ip6/::"} {
		out = append(out, fmt.Sprintf("%s/tcp/%d", host, m.Port), fmt.Sprintf("%s/udp/%d/quic-v1", host, m.Port))
	}
	return out
}
