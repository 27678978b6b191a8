package blocks

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	blockformat "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	mh "github.com/multiformats/go-multihash"
)

// put stores nodes as they are, as a hostile peer could make them.
func put(t *testing.T, s *Store, nodes ...ipld.Node) {
	t.Helper()
	for _, n := range nodes {
		if err := s.blocks.Put(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
}

// proto makes a node of UnixFS data and links.
func proto(t *testing.T, data []byte, links ...*ipld.Link) *merkledag.ProtoNode {
	t.Helper()
	n := merkledag.NodeWithData(data)
	if err := n.SetCidBuilder(dagPrefix); err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if err := n.AddRawLink(l.Name, l); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// dirOf makes a directory of entries.
func dirOf(t *testing.T, links ...*ipld.Link) *merkledag.ProtoNode {
	t.Helper()
	return proto(t, unixfs.FolderPBData(), links...)
}

func link(name string, c cid.Cid) *ipld.Link { return &ipld.Link{Name: name, Cid: c} }

// fileOf makes a file of blocks that are declared to have sizes.
func fileOf(t *testing.T, sizes []uint64, links ...*ipld.Link) *merkledag.ProtoNode {
	t.Helper()
	f := unixfs.NewFSNode(unixfs.TFile)
	for _, n := range sizes {
		f.AddBlockSize(n)
	}
	data, err := f.GetBytes()
	if err != nil {
		t.Fatal(err)
	}
	return proto(t, data, links...)
}

// repeated makes a directory with a file that refers to one block of 1 MiB so often in
// each of some levels.
func repeated(t *testing.T, s *Store, times, levels int) cid.Cid {
	t.Helper()
	leaf := merkledag.NewRawNode(make([]byte, 1<<20))
	put(t, s, leaf)
	below, size := leaf.Cid(), uint64(1<<20)
	for range levels {
		var sizes []uint64
		var links []*ipld.Link
		for range times {
			sizes, links = append(sizes, size), append(links, link("", below))
		}
		f := fileOf(t, sizes, links...)
		put(t, s, f)
		below, size = f.Cid(), size*uint64(times)
	}
	dir := dirOf(t, link("preview.png", below))
	put(t, s, dir)
	return dir.Cid()
}

func chain(t *testing.T, s *Store, levels int) cid.Cid {
	t.Helper()
	n := dirOf(t)
	put(t, s, n)
	for range levels {
		n = dirOf(t, link("d", n.Cid()))
		put(t, s, n)
	}
	return n.Cid()
}

// identity is a CID that contains its block.
func identity(t *testing.T, codec uint64, data []byte) cid.Cid {
	t.Helper()
	hash, err := mh.Sum(data, mh.IDENTITY, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(codec, hash)
}

func wide(t *testing.T, s *Store, n int) cid.Cid {
	t.Helper()
	var links []*ipld.Link
	for i := range n {
		links = append(links, link(fmt.Sprint(i), identity(t, cid.Raw, []byte{byte(i)})))
	}
	dir := dirOf(t, links...)
	put(t, s, dir)
	return dir.Cid()
}

func one(t *testing.T, s *Store, name string, n ipld.Node) cid.Cid {
	t.Helper()
	dir := dirOf(t, link(name, n.Cid()))
	put(t, s, n, dir)
	return dir.Cid()
}

func TestHostileGraphsAreRefusedBeforeTheyCostMemory(t *testing.T) {
	symlink := func(t *testing.T) ipld.Node {
		data, err := unixfs.SymlinkData("/etc/passwd")
		if err != nil {
			t.Fatal(err)
		}
		return proto(t, data)
	}
	small := merkledag.NewRawNode([]byte("content"))
	tests := map[string]struct {
		make func(t *testing.T, s *Store) cid.Cid
		want error
	}{
		"one block is repeated to 900 MiB": {func(t *testing.T, s *Store) cid.Cid { return repeated(t, s, 900, 1) },
			ErrTooLarge},
		"one block is repeated to 2^60 bytes": {func(t *testing.T, s *Store) cid.Cid { return repeated(t, s, 1000, 4) },
			ErrTooLarge},
		"1e5 links":  {func(t *testing.T, s *Store) cid.Cid { return wide(t, s, 100_000) }, ErrTooLarge},
		"1e4 levels": {func(t *testing.T, s *Store) cid.Cid { return chain(t, s, 10_000) }, ErrTooLarge},
		"a directory in an identity CID": {func(t *testing.T, s *Store) cid.Cid {
			return identity(t, cid.DagProtobuf, dirOf(t).RawData())
		}, nil},
		"an identity CID of 1 KiB": {func(t *testing.T, s *Store) cid.Cid {
			dir := dirOf(t, link("a", identity(t, cid.Raw, make([]byte, 1<<10))))
			put(t, s, dir)
			return dir.Cid()
		}, errAny},
		"a block of 2 MiB": {func(t *testing.T, s *Store) cid.Cid {
			return one(t, s, "a", merkledag.NewRawNode(make([]byte, 2<<20)))
		}, nil},
		"a symbolic link": {func(t *testing.T, s *Store) cid.Cid { return one(t, s, "a", symlink(t)) }, ErrRefused},
		"a path as a name": {func(t *testing.T, s *Store) cid.Cid {
			return one(t, s, "../../.ssh/authorized_keys", small)
		}, ErrRefused},
		"the parent as a name": {func(t *testing.T, s *Store) cid.Cid { return one(t, s, "..", small) }, ErrRefused},
		"a name of 256 bytes": {func(t *testing.T, s *Store) cid.Cid {
			return one(t, s, strings.Repeat("n", 256), small)
		}, ErrRefused},
		"a name of 1 MiB": {func(t *testing.T, s *Store) cid.Cid {
			return one(t, s, strings.Repeat("n", 1<<20), small)
		}, ErrRefused},
		"a file that declares less than it has": {func(t *testing.T, s *Store) cid.Cid {
			put(t, s, small)
			return one(t, s, "a", fileOf(t, []uint64{1}, link("", small.Cid())))
		}, ErrRefused},
		"a file that declares 2^63 bytes": {func(t *testing.T, s *Store) cid.Cid {
			put(t, s, small)
			return one(t, s, "a", fileOf(t, []uint64{math.MaxInt64}, link("", small.Cid())))
		}, ErrRefused},
		"a file that has a directory inside": {func(t *testing.T, s *Store) cid.Cid {
			dir := dirOf(t)
			put(t, s, dir)
			return one(t, s, "a", fileOf(t, []uint64{0}, link("", dir.Cid())))
		}, ErrRefused},
		"a block of another format": {func(t *testing.T, s *Store) cid.Cid {
			c, err := cid.Prefix{Version: 1, Codec: cid.DagCBOR, MhType: mh.SHA2_256, MhLength: 32}.Sum([]byte{0xa0})
			if err != nil {
				t.Fatal(err)
			}
			b, err := blockformat.NewBlockWithCid([]byte{0xa0}, c)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.blocks.Put(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			dir := dirOf(t, link("a", c))
			put(t, s, dir)
			return dir.Cid()
		}, errAny},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			withNodes(t, 2, func(t *testing.T, nodes []*node) {
				from, to := nodes[0], nodes[1]
				root := tt.make(t, from.Store)
				to.find = peersOf(from)
				_, err := to.Fetch(t.Context(), root, FetchOptions{
					Pin: "set", MaxBytes: 64 << 20, MaxLogical: 64 << 20, MaxDepth: 8, MaxEntries: 1024,
					Pace:   Pace{Stall: 10 * time.Second},
					Verify: func(fs.FS) error { return nil },
				})
				switch {
				case tt.want == nil && err != nil, tt.want == errAny && err == nil,
					tt.want != errAny && !errors.Is(err, tt.want):
					t.Errorf("fetch: %v, want %v", err, tt.want)
				}
				if pins, err := to.Pins(t.Context()); err != nil || (len(pins) == 1) != (tt.want == nil) {
					t.Errorf("%d pins, %v", len(pins), err)
				}
			})
		})
	}
}

// errAny stands for an error of a library.
var errAny = errors.New("any")

// A chain whose blocks the root also names directly is as deep as without.
func TestDepthCountsTheLongestPath(t *testing.T) {
	s, err := inMemory(DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	n := dirOf(t)
	put(t, s, n)
	var links []*ipld.Link
	for i := range 100 {
		n = dirOf(t, link("d", n.Cid()))
		put(t, s, n)
		links = append(links, link(fmt.Sprint(i), n.Cid()))
	}
	top := dirOf(t, links...)
	put(t, s, top)
	if _, err := s.inspect(t.Context(), top.Cid(), 50); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a chain of 100 directories: %v, want ErrTooLarge", err)
	}
	if _, err := s.inspect(t.Context(), top.Cid(), 101); err != nil {
		t.Error(err)
	}
}

func TestTheLogicalSizeCountsWhatIsRepeated(t *testing.T) {
	s, err := inMemory(DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	root, stat := add(t, s, setOf("a", 3<<20), "a")
	n, err := s.LogicalBytes(t.Context(), root)
	if want := int64(3<<20 + len(`{"seed":"a"}`)); err != nil || n != want || stat.Bytes >= n {
		t.Errorf("%d bytes in files, %d in blocks, %v; want %d in files", n, stat.Bytes, err, want)
	}
	if n, err := s.LogicalBytes(t.Context(), repeated(t, s, 1000, 4)); err != nil || n != 1e12*(1<<20) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := s.LogicalBytes(t.Context(), repeated(t, s, 1000, 5)); !errors.Is(err, ErrShape) {
		t.Errorf("more than 2^63 bytes: %v", err)
	}
}

func TestLinksAreCountedAsTheyAreDecoded(t *testing.T) {
	small := merkledag.NewRawNode([]byte("content"))
	for _, n := range []int{0, 1, 3, 200} {
		var links []*ipld.Link
		for i := range n {
			links = append(links, link(fmt.Sprint(i), small.Cid()))
		}
		if got := countLinks(dirOf(t, links...).RawData()); got != n {
			t.Errorf("%d links are counted as %d", n, got)
		}
	}
	if got := countLinks([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x0f}); got != 0 {
		t.Errorf("a link beyond the end is counted: %d", got)
	}
}
