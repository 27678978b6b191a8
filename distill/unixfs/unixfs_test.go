package unixfs

import (
	"bytes"
	"context"
	"testing"

	chunk "github.com/ipfs/boxo/chunker"
	mdtest "github.com/ipfs/boxo/ipld/merkledag/test"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	mh "github.com/multiformats/go-multihash"
)

// scale is a DAG service that weighs every node that is added, equal ones too.
type scale struct {
	ipld.DAGService
	bytes int64
}

func (s *scale) Add(ctx context.Context, n ipld.Node) error {
	s.bytes += int64(len(n.RawData()))
	return s.DAGService.Add(ctx, n)
}

// imported is what the importer that others use makes of a directory.
func imported(t *testing.T, l layout, sizes map[string]int64) int64 {
	t.Helper()
	s := &scale{DAGService: mdtest.Mock()}
	prefix := cid.Prefix{Version: 1, Codec: cid.DagProtobuf, MhType: mh.SHA2_256, MhLength: 32}
	dir, err := uio.NewDirectory(s, uio.WithCidBuilder(prefix))
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range sizes {
		params := helpers.DagBuilderParams{Maxlinks: l.linksPerNode, RawLeaves: true, CidBuilder: prefix, Dagserv: s}
		b, err := params.New(chunk.NewSizeSplitter(bytes.NewReader(make([]byte, size)), l.chunkBytes))
		if err != nil {
			t.Fatal(err)
		}
		node, err := balanced.Layout(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := dir.AddChild(t.Context(), name, node); err != nil {
			t.Fatal(err)
		}
	}
	root, err := dir.GetNode()
	if err != nil {
		t.Fatal(err)
	}
	return s.bytes + int64(len(root.RawData()))
}

func TestTheSizeOfADirectoryIsThatOfItsBlocks(t *testing.T) {
	long := "a-name-that-makes-a-link-longer-than-127-bytes-so-that-its-length-takes-two-bytes" +
		"-which-no-file-of-a-set-has-but-others-may"
	for what, sizes := range map[string]map[string]int64{
		"nothing":                         {},
		"an empty file":                   {"a": 0},
		"a few files":                     {"README.md": 300, "data.safetensors": 6543, "manifest.json": 900},
		"a long name":                     {long: 200},
		"a file of exactly one leaf":      {"data": 1 << 20},
		"a file of one byte more":         {"data": 1<<20 + 1, "b": 7},
		"a file of a few leaves and more": {"data": 5<<20 + 12345},
	} {
		if got, want := Bytes(sizes), imported(t, stored, sizes); got != want {
			t.Errorf("%s: %d bytes, the blocks have %d", what, got, want)
		}
	}
}

// Small leaves and few links per node make deep trees of short files.
func TestDeepFilesAreLaidOutLevelByLevel(t *testing.T) {
	for _, l := range []layout{{16, 3}, {130, 2}} {
		for size := int64(0); size < 70*16; size += 13 {
			sizes := map[string]int64{"a": size, "b": size / 2}
			if got, want := l.bytes(sizes), imported(t, l, sizes); got != want {
				t.Fatalf("%+v, %d bytes of content: %d bytes, the blocks have %d", l, size, got, want)
			}
		}
	}
}
