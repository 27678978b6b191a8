package blocks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/ipld/merkledag"
	pin "github.com/ipfs/boxo/pinning/pinner"
	blockformat "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/namespace"
	flatfs "github.com/ipfs/go-ds-flatfs"
	leveldb "github.com/ipfs/go-ds-leveldb"
	ipld "github.com/ipfs/go-ipld-format"
)

// Options of a Store.
type Options struct {
	QuotaBytes int64            // of all blocks; 0 means unlimited
	HighWater  float64          // share of the quota at which adding starts to collect
	LowWater   float64          // share of the quota at which collecting stops
	MinAge     time.Duration    // unpinned blocks younger than this survive a collection at the high-water mark
	Now        func() time.Time // clock
}

// DefaultOptions returns the default options: no quota; with one, collect from 90 %
// down to 80 %.
func DefaultOptions() Options {
	return Options{HighWater: 0.9, LowWater: 0.8, MinAge: 10 * time.Minute, Now: time.Now}
}

// Validate names the first field that is out of range.
func (o Options) Validate() error {
	switch {
	case o.QuotaBytes < 0:
		return fmt.Errorf("blocks options: QuotaBytes: %d, must not be negative", o.QuotaBytes)
	case o.LowWater <= 0 || o.HighWater > 1 || o.LowWater > o.HighWater:
		return fmt.Errorf("blocks options: LowWater %g, HighWater %g: must satisfy 0 < low <= high <= 1",
			o.LowWater, o.HighWater)
	case o.MinAge < 0:
		return fmt.Errorf("blocks options: MinAge: %v, must not be negative", o.MinAge)
	case o.Now == nil:
		return errors.New("blocks options: Now: must be set")
	}
	return nil
}

// Store is a block store in one directory: blocks as files, pins and metadata in
// a small database. One process at a time may open it.
type Store struct {
	opt       Options
	files     datastore.Batching
	meta      datastore.Batching
	quota     *quotaStore
	blocks    blockstore.GCBlockstore
	dag       ipld.DAGService // offline
	pins      pin.Pinner
	table     pinTable
	running   running
	verifying chan struct{} // a place for each fetch that is being verified
	reserving sync.Mutex    // held by reserve and Collect, so that two adds do not count the same free bytes
}

// verifiedAtOnce is how many fetches are verified side by side. It takes memory and processor time, and
// no peer can prolong it, so many fetches may wait for few.
const verifiedAtOnce = 4

// Open opens or creates the store under dir. ErrLocked means another process has
// it open.
func Open(dir string, opt Options) (*Store, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open block store: %w", damaged(dir, err))
	}
	meta, err := leveldb.NewDatastore(filepath.Join(dir, database), nil)
	if err != nil {
		if isLocked(err) {
			err = fmt.Errorf("%w: %w", ErrLocked, err)
		} else {
			err = damaged(filepath.Join(dir, database), err)
		}
		return nil, fmt.Errorf("open block store %s: %w", dir, err)
	}
	path := filepath.Join(dir, "blocks")
	if err := restoreSharding(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open block store %s: %w", dir, damaged(path, err)), meta.Close())
	}
	files, err := flatfs.CreateOrOpen(path, sharding, true)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open block store %s: %w", dir, damaged(path, err)), meta.Close())
	}
	used, err := sizeOfFiles(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open block store %s: %w", dir, damaged(path, err)), files.Close(), meta.Close())
	}
	s, err := open(files, meta, used, opt, filepath.Join(dir, journalName))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open block store %s: %w", dir, err), files.Close(), meta.Close())
	}
	return s, nil
}

// database is the folder of pins and metadata in a store.
const database = "datastore"

// damaged says of a failure to open a file or folder of a store that it is damaged, unless the
// system says what else is wrong.
func damaged(path string, err error) error {
	for _, other := range []error{fs.ErrPermission, syscall.ENOSPC, syscall.EROFS, ErrDamaged} {
		if errors.Is(err, other) {
			return err
		}
	}
	return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
}

// sharding is how block files are spread over folders, in every store.
var sharding = flatfs.NextToLast(2)

// restoreSharding writes the file that says how blocks are spread again where it is
// damaged or gone: there is only one way.
func restoreSharding(path string) error {
	if _, err := os.Stat(path); err != nil {
		return nil // a new store
	}
	name, want := filepath.Join(path, flatfs.SHARDING_FN), sharding.String()+"\n"
	have, err := os.ReadFile(name)
	if err == nil && string(have) == want || err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return nil
}

// New is a store of the blocks in files, which take used bytes, with pins and records
// in meta. Both close with the store.
func New(files, meta datastore.Batching, used int64, opt Options) (*Store, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	return open(files, meta, used, opt, "")
}

// open is New with a journal of pins at a path, or without one.
func open(files, meta datastore.Batching, used int64, opt Options, journal string) (*Store, error) {
	// What a disk has changed is not given out as what it was.
	whole := &blockstore.ValidatingBlockstore{Blockstore: blockstore.NewBlockstoreNoPrefix(files)}
	quota := newQuotaStore(whole, used, opt)
	gc := blockstore.NewGCBlockstore(blockstore.NewIdStore(quota), blockstore.NewGCLocker())
	dag := merkledag.NewDAGService(blockservice.New(gc, offline.Exchange(gc), blockservice.WriteThrough(true)))
	s := &Store{opt: opt, files: files, meta: meta, quota: quota, blocks: gc, dag: dag,
		verifying: make(chan struct{}, verifiedAtOnce)}
	return s, s.openPins(context.Background(), journal)
}

// Metadata returns the part of the store's database named name, for records kept
// beside the blocks (announcements, known peers). It closes with the store.
func (s *Store) Metadata(name string) datastore.Batching {
	return namespace.Wrap(s.meta, datastore.NewKey("meta").ChildString(name))
}

// Usage returns how many bytes all blocks take.
func (s *Store) Usage() Usage {
	return Usage{Bytes: s.quota.used.Load(), QuotaBytes: s.opt.QuotaBytes}
}

// Close flushes and releases the store. Nothing may use it afterwards.
func (s *Store) Close() error {
	ctx := context.Background()
	err := errors.Join(s.table.journal.close(), s.pins.Flush(ctx), s.pins.Close(),
		s.files.Sync(ctx, datastore.NewKey("/")), s.files.Close(), s.meta.Close())
	if err != nil {
		return fmt.Errorf("close block store: %w", err)
	}
	return nil
}

// AddRaw stores data as one raw block and pins it as name. Data above the 2 MiB
// that peers accept in a block is ErrTooLarge.
func (s *Store) AddRaw(ctx context.Context, data []byte, name string) (cid.Cid, error) {
	if len(data) > maxBlockBytes {
		return cid.Undef, fmt.Errorf("add raw block of %d bytes: %w", len(data), ErrTooLarge)
	}
	c, err := rawPrefix.Sum(data)
	if err != nil {
		return cid.Undef, fmt.Errorf("add raw block: %w", err)
	}
	blk, err := blockformat.NewBlockWithCid(data, c)
	if err != nil {
		return cid.Undef, fmt.Errorf("add raw block: %w", err)
	}
	ctx, release, err := s.reserve(ctx, int64(len(data)))
	if err != nil {
		return cid.Undef, fmt.Errorf("add raw block %s: %w", c, err)
	}
	defer release()
	defer s.blocks.PinLock(ctx).Unlock(ctx)
	if err := s.blocks.Put(ctx, blk); err != nil {
		return cid.Undef, fmt.Errorf("add raw block %s: %w", c, err)
	}
	stat := Stat{Bytes: int64(len(data)), Blocks: 1}
	return c, s.pinLocked(ctx, Pin{Root: c, Name: name, Stat: stat})
}

// Raw returns the bytes of one block, or ErrNotFound.
func (s *Store) Raw(ctx context.Context, c cid.Cid) ([]byte, error) {
	blk, err := s.blocks.Get(ctx, c)
	if ipld.IsNotFound(err) {
		return nil, fmt.Errorf("read block %s: %w", c, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read block %s: %w", c, err)
	}
	return blk.RawData(), nil
}

// isLocked recognizes the database's refusal of a second process: the operating
// system's error or, on some systems, a text.
func isLocked(err error) bool {
	text := err.Error()
	return errors.Is(err, os.ErrPermission) && strings.HasSuffix(text, "LOCK") ||
		strings.Contains(text, "resource temporarily unavailable") ||
		strings.Contains(text, "being used by another process")
}
