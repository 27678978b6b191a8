package blocks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// Has reports whether every block of the DAG under root is stored.
func (s *Store) Has(ctx context.Context, root cid.Cid) (complete bool, err error) {
	if _, pinned := s.table.find(root); pinned {
		return true, nil
	}
	_, err = s.measure(ctx, root)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// measure walks the DAG under root in the store, or returns ErrNotFound.
func (s *Store) measure(ctx context.Context, root cid.Cid) (Stat, error) {
	var stat Stat
	links := func(ctx context.Context, c cid.Cid) ([]*ipld.Link, error) {
		node, err := s.dag.Get(ctx, c)
		if err != nil {
			return nil, err
		}
		stat.Bytes += int64(len(node.RawData()))
		stat.Blocks++
		return node.Links(), nil
	}
	err := merkledag.Walk(ctx, links, root, cid.NewSet().Visit)
	if ipld.IsNotFound(err) {
		return Stat{}, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return stat, err
}

// FS returns the directory under root, read from the store alone, or ErrNotFound when
// any block of it is missing. All later reads use ctx. Files also implement io.Seeker.
func (s *Store) FS(ctx context.Context, root cid.Cid) (fs.FS, error) {
	if complete, err := s.Has(ctx, root); err != nil {
		return nil, fmt.Errorf("open directory %s: %w", root, err)
	} else if !complete {
		return nil, fmt.Errorf("open directory %s: %w", root, ErrNotFound)
	}
	return s.tree(ctx, root)
}

func (s *Store) tree(ctx context.Context, root cid.Cid) (fs.FS, error) {
	node, err := complete{s.dag}.Get(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", root, err)
	}
	if _, err := uio.NewDirectoryFromNode(s.dag, node); err != nil {
		return nil, fmt.Errorf("open directory %s: %w", root, err)
	}
	return &tree{ctx: ctx, dag: complete{s.dag}, root: node}, nil
}

// complete is the DAG service of a tree whose blocks should all be stored: a block that
// is not is ErrMissing.
type complete struct{ ipld.DAGService }

// Get returns one node.
func (d complete) Get(ctx context.Context, c cid.Cid) (ipld.Node, error) {
	node, err := d.DAGService.Get(ctx, c)
	return node, missing(err)
}

// GetMany streams nodes.
func (d complete) GetMany(ctx context.Context, all []cid.Cid) <-chan *ipld.NodeOption {
	out := make(chan *ipld.NodeOption, len(all))
	go func() {
		defer close(out)
		for o := range d.DAGService.GetMany(ctx, all) {
			o.Err = missing(o.Err)
			out <- o
		}
	}()
	return out
}

// missing says that a block which is not found, or damaged, is one of a tree.
func missing(err error) error {
	if ipld.IsNotFound(err) || errors.Is(err, blockstore.ErrHashMismatch) {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	return err
}

// tree is a UnixFS directory as an fs.FS.
type tree struct {
	ctx  context.Context
	dag  ipld.DAGService
	root ipld.Node
}

// Open implements fs.FS.
func (t *tree) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	node := t.root
	if name != "." {
		for part := range strings.SplitSeq(name, "/") {
			dir, err := uio.NewDirectoryFromNode(t.dag, node)
			if err != nil {
				return fail(fs.ErrNotExist)
			}
			if node, err = dir.Find(t.ctx, part); err != nil {
				return fail(err)
			}
		}
	}
	if dir, err := uio.NewDirectoryFromNode(t.dag, node); err == nil {
		return &openDir{tree: t, dir: dir, info: fileInfo{name: path.Base(name), dir: true}}, nil
	}
	r, err := uio.NewDagReader(t.ctx, node, t.dag)
	if err != nil {
		return fail(err)
	}
	return &openFile{DagReader: r, info: fileInfo{name: path.Base(name), size: int64(r.Size())}}, nil
}

// openFile is a file of a tree.
type openFile struct {
	uio.DagReader
	info fileInfo
}

// Stat implements fs.File.
func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// openDir is a directory of a tree.
type openDir struct {
	tree    *tree
	dir     uio.Directory
	info    fileInfo
	entries []fs.DirEntry
	listed  bool
}

// Stat implements fs.File.
func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }

// Read fails: a directory has no bytes.
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: errors.New("is a directory")}
}

// Close implements fs.File.
func (d *openDir) Close() error { return nil }

// ReadDir implements fs.ReadDirFile, in order of names.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.listed {
		if err := d.list(); err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: d.info.name, Err: err}
		}
		d.listed = true
	}
	if n <= 0 {
		out := d.entries
		d.entries = nil
		return out, nil
	}
	if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	out := d.entries[:n]
	d.entries = d.entries[n:]
	return out, nil
}

// list reads all entries and refuses names that no file can have.
func (d *openDir) list() error {
	links, err := d.dir.Links(d.tree.ctx)
	if err != nil {
		return err
	}
	for _, l := range links {
		if !fs.ValidPath(l.Name) || l.Name == "." || strings.ContainsRune(l.Name, '/') {
			return fmt.Errorf("entry name %q: %w", l.Name, fs.ErrInvalid)
		}
		info, err := d.tree.entryInfo(l)
		if err != nil {
			return err
		}
		d.entries = append(d.entries, fs.FileInfoToDirEntry(info))
	}
	byName := func(x, y fs.DirEntry) int { return strings.Compare(x.Name(), y.Name()) }
	slices.SortFunc(d.entries, byName)
	sameName := func(x, y fs.DirEntry) bool { return x.Name() == y.Name() }
	if n := len(slices.CompactFunc(slices.Clone(d.entries), sameName)); n != len(d.entries) {
		return fmt.Errorf("two entries with one name: %w", fs.ErrInvalid)
	}
	return nil
}

func (t *tree) entryInfo(l *ipld.Link) (fileInfo, error) {
	node, err := t.dag.Get(t.ctx, l.Cid)
	if err != nil {
		return fileInfo{}, err
	}
	if raw, ok := node.(*merkledag.RawNode); ok {
		return fileInfo{name: l.Name, size: int64(len(raw.RawData()))}, nil
	}
	n, err := unixfs.ExtractFSNode(node)
	if err != nil {
		return fileInfo{}, fmt.Errorf("entry %q: %w", l.Name, err)
	}
	if n.IsDir() {
		return fileInfo{name: l.Name, dir: true}, nil
	}
	return fileInfo{name: l.Name, size: int64(n.FileSize())}, nil
}

// fileInfo describes an entry. UnixFS as written here has no modes and no times.
type fileInfo struct {
	name string
	size int64
	dir  bool
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.dir }
func (i fileInfo) Sys() any           { return nil }

func (i fileInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
