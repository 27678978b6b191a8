package blocks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	mh "github.com/multiformats/go-multihash"
)

// The import profile. Its values are passed explicitly, because its own method of
// applying them writes global variables.
var profile = uio.UnixFS_v1_2025

// maxBlockBytes is the largest block that peers accept.
const maxBlockBytes = 2 << 20

var (
	rawPrefix = cid.Prefix{Version: 1, Codec: cid.Raw, MhType: mh.SHA2_256, MhLength: 32}
	dagPrefix = cid.Prefix{Version: 1, Codec: cid.DagProtobuf, MhType: mh.SHA2_256, MhLength: 32}
)

// RootOf returns the root and size that AddFS would give fsys, storing nothing.
// Memory grows with the number of files, not with their size.
func RootOf(fsys fs.FS) (cid.Cid, Stat, error) {
	sink := newSink(nil)
	root, err := importDir(context.Background(), sink, fsys, ".")
	if err != nil {
		return cid.Undef, Stat{}, fmt.Errorf("root of directory: %w", err)
	}
	return root.Cid(), sink.stat, nil
}

// AddFS stores a directory tree as UnixFS, pins it as name and returns its root
// and size. The tree is read twice, the first time to measure it: an add above the
// quota is refused (ErrFull) before a block is written. Files must be regular and must
// not change meanwhile; modes and times are not kept.
func (s *Store) AddFS(ctx context.Context, fsys fs.FS, name string) (cid.Cid, Stat, error) {
	fail := func(err error) (cid.Cid, Stat, error) {
		return cid.Undef, Stat{}, fmt.Errorf("add directory %q: %w", name, err)
	}
	plan := newSink(nil)
	plan.held = s.dag
	planned, err := importDir(ctx, plan, fsys, ".")
	if err != nil {
		return fail(err)
	}
	ctx, release, err := s.reserve(ctx, plan.missing)
	if err != nil {
		return fail(err)
	}
	defer release()
	defer s.blocks.PinLock(ctx).Unlock(ctx)
	root, err := importDir(ctx, newSink(s.dag), fsys, ".")
	if err != nil {
		return fail(err)
	}
	if !root.Cid().Equals(planned.Cid()) {
		return fail(errors.New("it changed while being read"))
	}
	if err := s.pinLocked(ctx, Pin{Root: root.Cid(), Name: name, Stat: plan.stat}); err != nil {
		return fail(err)
	}
	return root.Cid(), plan.stat, nil
}

// importDir imports one directory of fsys, children first, and adds its node to dag.
func importDir(ctx context.Context, dag ipld.DAGService, fsys fs.FS, dir string) (ipld.Node, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	node, err := uio.NewDirectory(dag, uio.WithCidBuilder(dagPrefix),
		uio.WithSizeEstimationMode(profile.HAMTSizeEstimation), uio.WithMaxHAMTFanout(profile.HAMTShardWidth))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		child, err := importEntry(ctx, dag, fsys, path.Join(dir, e.Name()), e)
		if err != nil {
			return nil, err
		}
		if err := node.AddChild(ctx, e.Name(), child); err != nil {
			return nil, err
		}
	}
	root, err := node.GetNode()
	if err != nil {
		return nil, err
	}
	return root, dag.Add(ctx, root)
}

func importEntry(ctx context.Context, dag ipld.DAGService, fsys fs.FS, name string, e fs.DirEntry) (ipld.Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch {
	case e.IsDir():
		return importDir(ctx, dag, fsys, name)
	case e.Type().IsRegular():
		return importFile(ctx, dag, fsys, name)
	}
	return nil, fmt.Errorf("%s: %w", name, ErrNotAFile)
}

func importFile(ctx context.Context, dag ipld.DAGService, fsys fs.FS, name string) (ipld.Node, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	params := helpers.DagBuilderParams{
		Maxlinks: profile.FileDAGWidth, RawLeaves: profile.RawLeaves, CidBuilder: dagPrefix,
		Dagserv: withContext{dag, ctx},
	}
	db, err := params.New(chunk.NewSizeSplitter(f, profile.ChunkSize))
	if err != nil {
		return nil, err
	}
	node, err := balanced.Layout(db)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return node, nil
}

// withContext passes the caller's context, which holds its reservation, through the
// importer, which adds with a context of its own.
type withContext struct {
	ipld.DAGService
	ctx context.Context
}

func (w withContext) Add(_ context.Context, n ipld.Node) error { return w.DAGService.Add(w.ctx, n) }

// sink is the DAG service that an import writes to. It counts every distinct block and
// adds blocks to a store if there is one. Without a store it keeps directory and file
// nodes (not leaves), since large directories are read back while they grow.
type sink struct {
	ipld.DAGService // nil when only counting
	held            ipld.DAGService
	seen            *cid.Set
	nodes           map[cid.Cid]ipld.Node
	stat            Stat
	missing         int64 // bytes of the blocks that held lacks
}

func newSink(store ipld.DAGService) *sink {
	return &sink{DAGService: store, seen: cid.NewSet(), nodes: map[cid.Cid]ipld.Node{}}
}

// Add counts a node and stores it.
func (s *sink) Add(ctx context.Context, n ipld.Node) error {
	if s.seen.Visit(n.Cid()) {
		size := int64(len(n.RawData()))
		s.stat.Bytes += size
		s.stat.Blocks++
		if s.held != nil {
			if _, err := s.held.Get(ctx, n.Cid()); err != nil {
				s.missing += size
			}
		}
	}
	if s.DAGService != nil {
		return s.DAGService.Add(ctx, n)
	}
	if _, leaf := n.(*merkledag.RawNode); !leaf {
		s.nodes[n.Cid()] = n
	}
	return nil
}

// AddMany adds nodes one by one.
func (s *sink) AddMany(ctx context.Context, nodes []ipld.Node) error {
	for _, n := range nodes {
		if err := s.Add(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// Get returns a node added before.
func (s *sink) Get(ctx context.Context, c cid.Cid) (ipld.Node, error) {
	if s.DAGService != nil {
		return s.DAGService.Get(ctx, c)
	}
	if n, ok := s.nodes[c]; ok {
		return n, nil
	}
	return nil, ipld.ErrNotFound{Cid: c}
}

// Remove does nothing: a directory that is split removes its old form, and the
// collector deletes what is unpinned.
func (s *sink) Remove(context.Context, cid.Cid) error { return nil }

// RemoveMany does nothing, for the same reason.
func (s *sink) RemoveMany(context.Context, []cid.Cid) error { return nil }
