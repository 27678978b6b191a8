package blocks

import (
	"encoding/binary"
	"io"
	"io/fs"
	"testing"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	blockformat "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// fuzzedRead is how much of a tree is read: what a directory says of its size is a claim.
const fuzzedRead = 1 << 20

// FuzzTree walks a directory whose blocks a stranger made: each begins with two bytes of
// its length, the first is the root, and links lead where they may.
func FuzzTree(f *testing.F) {
	leaf := merkledag.NewRawNode([]byte("content"))
	file := unixfs.NewFSNode(unixfs.TFile)
	file.AddBlockSize(7)
	content, err := file.GetBytes()
	if err != nil {
		f.Fatal(err)
	}
	whole := merkledag.NodeWithData(content)
	link := unixfs.NewFSNode(unixfs.TSymlink)
	link.SetData([]byte("../../etc/passwd"))
	target, err := link.GetBytes()
	if err != nil {
		f.Fatal(err)
	}
	symlink := merkledag.NodeWithData(target)
	dir, shard := unixfs.EmptyDirNode(), merkledag.NodeWithData(nil)
	for _, n := range []*merkledag.ProtoNode{whole, symlink, dir} {
		n.SetCidBuilder(dagPrefix)
	}
	for _, err := range []error{whole.AddNodeLink("", leaf), dir.AddNodeLink("a", leaf), dir.AddNodeLink("b", whole),
		dir.AddNodeLink("c", symlink), dir.AddNodeLink("../d", leaf)} {
		if err != nil {
			f.Fatal(err)
		}
	}
	bitmap, err := unixfs.HAMTShardData([]byte{1}, 256, 0x22)
	if err != nil {
		f.Fatal(err)
	}
	shard.SetData(bitmap)
	shard.SetCidBuilder(dagPrefix)
	if err := shard.AddNodeLink("00a", leaf); err != nil {
		f.Fatal(err)
	}
	packed := func(blocks ...[]byte) (out []byte) {
		for _, b := range blocks {
			out = append(binary.BigEndian.AppendUint16(out, uint16(len(b))), b...)
		}
		return out
	}
	f.Add(packed(dir.RawData(), whole.RawData(), symlink.RawData(), leaf.RawData()))
	f.Add(packed(shard.RawData(), leaf.RawData()))
	f.Add(packed(whole.RawData(), leaf.RawData()))
	f.Fuzz(func(t *testing.T, blocks []byte) {
		s, err := inMemory(DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		root := cid.Undef
		for len(blocks) > 1 {
			size := min(int(binary.BigEndian.Uint16(blocks)), len(blocks)-2)
			content := blocks[2 : 2+size]
			blocks = blocks[2+size:]
			c, err := dagPrefix.Sum(content)
			if err != nil {
				t.Fatal(err)
			}
			raw := cid.NewCidV1(cid.Raw, c.Hash())
			for _, id := range []cid.Cid{c, raw} {
				b, err := blockformat.NewBlockWithCid(content, id)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.blocks.Put(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			if !root.Defined() {
				root = c
			}
		}
		if !root.Defined() {
			return
		}
		walk(t, s, root)
	})
}

// walk reads a tree as far as it can be read.
func walk(t *testing.T, s *Store, root cid.Cid) {
	tree, err := s.FS(t.Context(), root)
	if err != nil {
		return
	}
	steps, left := 0, int64(fuzzedRead)
	fs.WalkDir(tree, ".", func(path string, e fs.DirEntry, err error) error {
		if steps++; steps > 1000 || err != nil {
			return fs.SkipAll
		}
		if !fs.ValidPath(path) {
			t.Errorf("a path %q", path)
		}
		if e.IsDir() {
			return nil
		}
		f, err := tree.Open(path)
		if err != nil {
			return nil
		}
		defer f.Close()
		n, _ := io.Copy(io.Discard, io.LimitReader(f, left))
		if left -= n; left == 0 {
			return fs.SkipAll
		}
		return nil
	})
}
