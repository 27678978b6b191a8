package blocks

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"strings"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
)

// maxName is the longest name of an entry, in bytes, as file systems have it.
const maxName = 255

// inspection measures a stored DAG as its reader sees it: a block that is referred to
// twice is read twice. Each distinct block is looked at once, so the time does not
// depend on the size measured.
type inspection struct {
	store    *Store
	maxDepth int
	seen     map[cid.Cid]measured
}

// measured is what was found under one block.
type measured struct {
	bytes  int64 // of all files, each reference counted; math.MaxInt64 when there are more
	height int   // blocks to the farthest leaf
	dir    bool
}

// LogicalBytes is the size of all files under a stored root together, counting what the
// tree repeats as often as it does. ErrMissing when a block is not here, ErrShape for
// what is no tree of plain files.
func (s *Store) LogicalBytes(ctx context.Context, root cid.Cid) (int64, error) {
	m, err := s.inspect(ctx, root, FetchOptions{}.withDefaults().MaxDepth)
	return m.bytes, missing(err)
}

// inspect measures the DAG under a root and refuses what no directory of plain files
// is: symbolic links, names that no file system has, sizes other than declared.
func (s *Store) inspect(ctx context.Context, root cid.Cid, maxDepth int) (measured, error) {
	i := &inspection{store: s, maxDepth: maxDepth, seen: map[cid.Cid]measured{}}
	return i.measure(ctx, root, 0)
}

func (i *inspection) measure(ctx context.Context, c cid.Cid, depth int) (m measured, err error) {
	if depth > i.maxDepth {
		return m, fmt.Errorf("%w: deeper than %d", ErrTooLarge, i.maxDepth)
	}
	if m, ok := i.seen[c]; ok {
		if depth+m.height > i.maxDepth {
			return m, fmt.Errorf("%w: deeper than %d", ErrTooLarge, i.maxDepth)
		}
		return m, nil
	}
	if c.Prefix().Codec == cid.Raw {
		size, err := i.store.blocks.GetSize(ctx, c)
		m = measured{bytes: int64(size)}
		i.seen[c] = m
		return m, err
	}
	node, err := i.store.dag.Get(ctx, c)
	if err != nil {
		return m, err
	}
	pb, ok := node.(*merkledag.ProtoNode)
	if !ok {
		return m, fmt.Errorf("%w: block %s is neither a file nor a directory", ErrShape, c)
	}
	file, err := unixfs.FSNodeFromBytes(pb.Data())
	if err != nil {
		return m, fmt.Errorf("%w: block %s: %w", ErrShape, c, err)
	}
	if m, err = i.node(ctx, pb, file, depth); err != nil {
		return m, err
	}
	i.seen[c] = m
	return m, nil
}

// node measures a node by its children.
func (i *inspection) node(ctx context.Context, pb *merkledag.ProtoNode, file *unixfs.FSNode, depth int) (m measured,
	err error) {
	switch file.Type() {
	case unixfs.TDirectory, unixfs.THAMTShard:
		m.dir = true
	case unixfs.TFile, unixfs.TRaw:
		m.bytes = int64(len(file.Data()))
		if len(pb.Links()) != file.NumChildren() {
			return m, fmt.Errorf("%w: a file of %d blocks declares %d", ErrShape, len(pb.Links()), file.NumChildren())
		}
	default:
		return m, fmt.Errorf("%w: an entry that is neither a file nor a directory", ErrShape)
	}
	for n, l := range pb.Links() {
		if m.dir && !plainName(l.Name) {
			return m, fmt.Errorf("%w: entry name %.40q: %w", ErrShape, l.Name, fs.ErrInvalid)
		}
		child, err := i.measure(ctx, l.Cid, depth+1)
		switch {
		case err != nil:
			return m, err
		case !m.dir && child.dir:
			return m, fmt.Errorf("%w: a directory inside a file", ErrShape)
		case !m.dir && uint64(child.bytes) != file.BlockSize(n):
			return m, fmt.Errorf("%w: a block of %d bytes is declared to have %d", ErrShape, child.bytes, file.BlockSize(n))
		}
		m.height = max(m.height, child.height+1)
		if m.bytes > math.MaxInt64-child.bytes {
			m.bytes = math.MaxInt64
		} else {
			m.bytes += child.bytes
		}
	}
	if !m.dir && uint64(m.bytes) != file.FileSize() {
		return m, fmt.Errorf("%w: a file of %d bytes is declared to have %d", ErrShape, m.bytes, file.FileSize())
	}
	return m, nil
}

// plainName reports whether an entry may have the name, or, in a sharded directory, the
// name with its two digits before it.
func plainName(name string) bool {
	return name != "" && len(name) <= maxName && name != "." && name != ".." && !strings.ContainsAny(name, "/\\\x00")
}
